// A button that switches between light and dark, remembered unless it is what the device says anyway.

const device = matchMedia('(prefers-color-scheme: dark)')
const colours = { light: '#f6f5f1', dark: '#11161c' }

// Storage may be forbidden; the switch works without.
const kept = () => { try { return localStorage.getItem('theme') } catch { return null } }
const keep = theme => { try { theme ? localStorage.setItem('theme', theme) : localStorage.removeItem('theme') } catch { /* for this page only */ } }

export function themeSwitch(button) {
  const root = document.documentElement
  const draw = () => {
    const theme = root.dataset.theme ?? (device.matches ? 'dark' : 'light')
    const label = `Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`
    button.title = label
    button.setAttribute('aria-label', label)
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', colours[theme])
  }
  const choose = theme => {
    theme ? root.dataset.theme = theme : delete root.dataset.theme
    draw()
  }
  button.addEventListener('click', () => {
    const isDark = (root.dataset.theme ?? (device.matches ? 'dark' : 'light')) === 'dark'
    // Back to what the device says: follow it again.
    const wanted = isDark === device.matches ? (isDark ? 'light' : 'dark') : null
    keep(wanted)
    choose(wanted)
  })
  device.addEventListener('change', draw)
  addEventListener('storage', ({ key }) => { if (key === 'theme') choose(kept()) })
  choose(kept())
}
