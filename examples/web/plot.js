// Lines over time, the newest on the right; for screen readers a table of the last values.
//
//   const plot = new Plot(svg, { series: [{ name: 'queued', color: 'var(--first)' }], unit: 'KiB', span: 30_000 })
//   plot.push(performance.now(), [12])     // null leaves a gap
//   plot.draw()                            // when it shall be seen

const SVG = 'http://www.w3.org/2000/svg'
const LEFT = 56, RIGHT = 12, TOP = 10, BOTTOM = 24, HEIGHT = 200
/** Values a table has at most. */
const ROWS = 10

export class Plot {
  #svg
  #series
  #unit
  #span
  #points = []
  #table

  /** `span` is in the unit of the times that are pushed; ms are usual. */
  constructor(svg, { series, unit = '', span = 30_000 }) {
    this.#svg = svg
    this.#series = series
    this.#unit = unit
    this.#span = span
    this.#table = document.createElement('table')
    this.#table.className = 'quiet'
    svg.setAttribute('role', 'img')
    svg.setAttribute('aria-label', `${series.map(({ name }) => name).join(', ')}${unit && ` in ${unit}`}, over time. A table follows.`)
    svg.after(this.#table)
    new ResizeObserver(() => this.draw()).observe(svg.parentElement)
  }

  push(time, values) {
    this.#points.push({ time, values })
    while (this.#points[0].time < time - 2 * this.#span) this.#points.shift()
  }

  clear() {
    this.#points = []
    this.draw()
  }

  draw() {
    const width = this.#svg.clientWidth || 600
    const end = this.#points.at(-1)?.time ?? 0
    const most = nice(Math.max(0, ...this.#points.filter(({ time }) => time >= end - this.#span).flatMap(({ values }) => values)))
    const x = time => LEFT + (width - LEFT - RIGHT) * (1 - (end - time) / this.#span)
    const y = value => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    const clip = { x: LEFT, y: 0, width: Math.max(0, width - LEFT - RIGHT), height: HEIGHT }
    const id = `clip-${this.#svg.id}`
    this.#svg.replaceChildren(
      shape('clipPath', { id }, shape('rect', clip)),
      ...[0, .25, .5, .75, 1].flatMap(part => [
        shape('line', { x1: LEFT, x2: width - RIGHT, y1: y(most * part), y2: y(most * part), class: 'grid' }),
        shape('text', { x: LEFT - 8, y: y(most * part) + 4, 'text-anchor': 'end' }, short(most * part)),
      ]),
      shape('text', { x: LEFT, y: HEIGHT - 6 }, `${this.#span / 1000} s ago`),
      shape('text', { x: width - RIGHT, y: HEIGHT - 6, 'text-anchor': 'end' }, 'now'),
      shape('g', { 'clip-path': `url(#${id})` }, ...this.#series.map(({ color }, which) => {
        const path = shape('path', { d: this.#path(which, x, y), class: 'series' })
        path.style.stroke = color
        return path
      })))
    this.#tell()
  }

  #path(which, x, y) {
    let path = '', pen = 'M'
    for (const { time, values } of this.#points) {
      const value = values[which]
      if (value === null || value === undefined) { pen = 'M'; continue }
      path += `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`
      pen = 'L'
    }
    return path
  }

  #tell() {
    const row = (tag, cells) => {
      const line = document.createElement('tr')
      line.append(...cells.map(text => Object.assign(document.createElement(tag), { textContent: text })))
      return line
    }
    const end = this.#points.at(-1)?.time ?? 0
    this.#table.replaceChildren(
      row('th', ['Seconds ago', ...this.#series.map(({ name }) => this.#unit ? `${name} (${this.#unit})` : name)]),
      ...this.#points.slice(-ROWS).reverse().map(({ time, values }) =>
        row('td', [((end - time) / 1000).toFixed(1), ...values.map(value => value === null ? '–' : short(value))])))
  }
}

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** The next 1, 2 or 5 times a power of ten, for the top of the axis. */
function nice(most) {
  if (!(most > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].find(step => step * power >= most) * power
}

const short = value => value.toLocaleString('en', { maximumSignificantDigits: 3, notation: Math.abs(value) >= 1e5 ? 'compact' : 'standard' })
