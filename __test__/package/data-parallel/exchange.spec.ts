/** The messages of the example data-parallel: what ranks add up, and what they say where one of them fails. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Collectives } from '../../../examples/data-parallel/exchange/collectives.js'
import { Post } from '../../../examples/data-parallel/exchange/post.js'
import { startServer } from '../../../examples/data-parallel/server.js'

const ANY = { host: '127.0.0.1', port: 0 }
const AGREEMENT = { '--seed': 1 }

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  server = await startServer(ANY)
})
afterAll(() => server.close())

let jobs = 0
const newJob = (): string => `exchange-${jobs++}`

const placeOf = (job: string, rank: number, ranks: number, other: object = {}) => ({
  server: server.url,
  job,
  rank,
  ranks,
  timeout: 20,
  agreement: AGREEMENT,
  ...other,
})

interface Member {
  post: Post
  all: Collectives
}

async function join(place: ReturnType<typeof placeOf>): Promise<Member> {
  const post = await Post.join(place)
  return { post, all: new Collectives(post, place) }
}

/** Lets ranks do something together, and leave. */
async function together<T>(
  ranks: number,
  work: (member: Member, rank: number) => Promise<T>,
  other: object = {},
): Promise<PromiseSettledResult<T>[]> {
  const job = newJob()
  return Promise.allSettled(
    Array.from({ length: ranks }, async (_, rank) => {
      const member = await join(placeOf(job, rank, ranks, other))
      try {
        return await work(member, rank)
      } finally {
        await member.post.leave()
      }
    }),
  )
}

const valuesOf = <T>(results: PromiseSettledResult<T>[]): T[] =>
  results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })

const messagesOf = (results: PromiseSettledResult<unknown>[]): string[] =>
  results.map((result) => (result.status === 'rejected' ? result.reason.message : 'none'))

/** A way to the server that can be cut. */
async function passage() {
  const sockets: Socket[] = []
  const proxy = createServer((near) => {
    const far = connect(Number(new URL(server.url).port), '127.0.0.1')
    sockets.push(near, far)
    near.on('error', () => {}).pipe(far)
    far.on('error', () => {}).pipe(near)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cut() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
    },
  }
}

describe('sum', () => {
  test.each([1, 2, 3, 5])('%i ranks add up every number, whatever the length', async (ranks) => {
    for (const length of [0, 1, 4, 1000]) {
      const sums = valuesOf(
        await together(ranks, ({ all }, rank) => all.sum(Float32Array.from({ length }, (_, i) => i + rank / 4))),
      )
      const offset = (ranks * (ranks - 1)) / 8
      for (const sum of sums) expect(sum).toEqual(Float32Array.from({ length }, (_, i) => ranks * i + offset))
    }
  })

  test('it is made in the order of the ranks, in float64, and rounded once', async () => {
    const sumOf = async (numbers: number[]) => {
      const late = ({ all }: Member, rank: number) =>
        new Promise<void>((resolve) => setTimeout(resolve, 100 * (numbers.length - rank))).then(() =>
          all.sum(Float32Array.of(numbers[rank]!, numbers[rank]!, numbers[rank]!)),
        )
      return valuesOf(await together(numbers.length, late))
    }
    // 1 is lost beside 2^60, which has 53 digits
    for (const sum of await sumOf([2 ** 60, 1, -(2 ** 60)])) expect(sum).toEqual(Float32Array.of(0, 0, 0))
    for (const sum of await sumOf([2 ** 60, -(2 ** 60), 1])) expect(sum).toEqual(Float32Array.of(1, 1, 1))
    // and would be beside 2^25 in float32
    for (const sum of await sumOf([2 ** 25, 1, -(2 ** 25)])) expect(sum).toEqual(Float32Array.of(1, 1, 1))
  })

  test('arrays of other lengths are refused', async () => {
    const results = await together(2, ({ all }, rank) => all.sum(new Float32Array(4 + 2 * rank)))
    expect(messagesOf(results)).toContain('Rank 1 has sent 3 numbers to add up where 2 were expected.')
  })
})

test('gather and first: all ranks get what all have, in the order of the ranks, and what rank 0 has', async () => {
  const work = async ({ all }: Member, rank: number) => {
    const first = await all.gather({ rank, list: [0.1, -0] })
    const bytes = await all.first(rank === 0 ? Uint8Array.of(5, 0, 255) : undefined)
    return { first, bytes: [...bytes], second: await all.gather(rank) }
  }
  for (const { first, bytes, second } of valuesOf(await together(3, work))) {
    expect(first).toEqual([0, 1, 2].map((rank) => ({ rank, list: [0.1, 0] })))
    expect(bytes).toEqual([5, 0, 255])
    expect(second).toEqual([0, 1, 2])
  }
})

describe('failure', () => {
  test('where the connection of a rank breaks, all others hear of it, and that rank too', async () => {
    const way = await passage()
    const job = newJob()
    const members = await Promise.all(
      [0, 1, 2].map((rank) => join(placeOf(job, rank, 3, rank === 1 ? { server: way.url } : {}))),
    )
    const waiting = Promise.allSettled(members.map(({ all }, rank) => (rank === 1 ? all.first() : all.gather(rank))))
    way.cut()
    const [first, second, third] = messagesOf(await waiting)
    expect(first).toBe('Rank 1 is gone: its process was ended, or its machine or connection failed.')
    expect(second).toContain(`The connection to the server at ${new URL(way.url).host} is gone`)
    expect(third).toBe(first)
    await Promise.all(members.map(({ post }) => post.leave()))
  })

  test('a rank that fails says why', async () => {
    const results = await together(2, async ({ post, all }, rank) => {
      if (rank === 1) return all.gather(rank)
      return post.leave('The checkpoint is damaged.')
    })
    expect(messagesOf(results)).toEqual(['none', 'Rank 0 has failed: The checkpoint is damaged.'])
  })

  test('ranks that do not answer in time are named', async () => {
    const results = await together(
      3,
      async ({ all }, rank) => {
        if (rank === 0) return all.gather(rank)
        return new Promise((resolve) => setTimeout(resolve, 2500))
      },
      { timeout: 2 },
    )
    expect(messagesOf(results)).toEqual(['Ranks 1, 2 did not answer within 2 seconds.', 'none', 'none'])
  })

  test('ranks that do not join in time are named', async () => {
    const job = newJob()
    const results = await Promise.allSettled([0, 2].map((rank) => join(placeOf(job, rank, 4, { timeout: 1 }))))
    for (const message of messagesOf(results)) expect(message).toBe('Ranks 1, 3 did not join within 1 second.')
  })

  test('two processes of one rank are noticed', async () => {
    const job = newJob()
    const results = await Promise.allSettled([1, 1].map((rank) => join(placeOf(job, rank, 3))))
    expect(messagesOf(results)).toEqual(
      Array(2).fill('Two processes have joined as rank 1: each machine needs ranks of its own.'),
    )
  })

  test('a training that runs is not disturbed by one that begins under the same name', async () => {
    const job = newJob()
    const [first, second] = (await Promise.all([0, 1].map((rank) => join(placeOf(job, rank, 2))))) as [Member, Member]
    await expect(join(placeOf(job, 1, 2))).rejects.toThrow(
      `All ranks of "${job}" are there already: end the other training, or give this one another name.`,
    )
    expect(await Promise.all([first.all.gather('a'), second.all.gather('b')])).toEqual([0, 1].map(() => ['a', 'b']))
    await Promise.all([first.post.leave(), second.post.leave()])
  })

  test('settings that are not the same are told, with both values', async () => {
    const job = newJob()
    const results = await Promise.allSettled(
      [0, 1].map((rank) => join(placeOf(job, rank, 2, { agreement: { '--seed': rank + 1 } }))),
    )
    const messages = messagesOf(results)
    expect(messages).toContain('Rank 1 has --seed 2, and this one, rank 0, has 1.')
    expect(messages).toContain('Rank 0 has --seed 1, and this one, rank 1, has 2.')
  })

  test('a server that ends is told by its address', async () => {
    const own = await startServer(ANY)
    const job = newJob()
    const members = await Promise.all([0, 1].map((rank) => join(placeOf(job, rank, 2, { server: own.url }))))
    const waiting = Promise.allSettled(members.map(({ all }) => all.first()))
    await own.close()
    const [, second] = messagesOf(await waiting)
    expect(second).toContain(`The connection to the server at ${new URL(own.url).host} is gone`)
    await Promise.all(members.map(({ post }) => post.leave()))
  })

  test('an address without a server is told, and no password with it', async () => {
    const free = await startServer(ANY)
    await free.close()
    const url = new URL(free.url)
    const message = `No MQTT server could be used at ${url.host}: connect ECONNREFUSED ${url.host}.`
    await expect(join(placeOf(newJob(), 0, 2, { server: `mqtt://me:secret@${url.host}` }))).rejects.toThrow(message)
  })

  test('what is no message of the job is told', async () => {
    const job = newJob()
    const waiting = join(placeOf(job, 0, 2))
    const stranger = await mqtt.connectAsync(server.url, { protocolVersion: 4 })
    const said = Promise.allSettled([waiting])
    const timer = setInterval(() => stranger.publish(`${job}/hello`, 'hello'), 50)
    expect(messagesOf(await said)[0]).toMatch(
      /^A message of topic hello cannot be read \(.*\): something else uses the job's name\.$/,
    )
    clearInterval(timer)
    await stranger.endAsync()
  })
})
