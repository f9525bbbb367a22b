/** The default theme, with what tables of options and long names need. */
import theme from 'vitepress/theme'
import './style.css'

export default theme
