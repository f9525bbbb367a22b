/** An MQTT server within this process: aedes, which is all JavaScript. Any other one will do in its place. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

/**
 * @param {{ host: string, port: number }} address port 0 for any that is free
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} url: for clients on this machine
 */
export async function startServer({ host, port }) {
  const server = createServer({ noDelay: true })
  server.listen(port, host)
  await once(server, 'listening')
  const broker = await Aedes.createBroker()
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  const isAny = host === '0.0.0.0' || host === '::'
  const name = isAny ? '127.0.0.1' : host
  return {
    url: `mqtt://${name.includes(':') ? `[${name}]` : name}:${server.address().port}`,
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
      broker.close()
    },
  }
}
