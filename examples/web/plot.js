// Lines over the last seconds, in an SVG. Free to take along: it needs nothing but a browser and the colours of look.css.
//
//   const plot = new Plot(svg, { seconds: 60, format: bytes, least: 1024 })
//   plot.add([{ key: 3, name: 'Tab 3', value: 512, colour: 'var(--first)' }, …])     // a sample of each, now
//   plot.limit = { value: 131072, name: 'full' }                                      // a dashed line

const SVG = 'http://www.w3.org/2000/svg'
const LEFT = 62, TOP = 10, BELOW = 24

export class Plot {
  limit = null
  #svg
  #options
  #lines = new Map()

  constructor(svg, options = {}) {
    this.#svg = svg
    this.#options = { seconds: 60, least: 1, format: String, ...options }
    new ResizeObserver(() => this.draw()).observe(svg)
  }

  /** Who is not in the sample has no more points, and leaves with the last of them. */
  add(samples, now = performance.now() / 1000) {
    for (const { key, value, ...rest } of samples) {
      const line = this.#lines.get(key) ?? { points: [] }
      Object.assign(line, rest).points.push([now, value])
      this.#lines.set(key, line)
    }
    for (const [key, line] of this.#lines) {
      // One point beyond the edge, so that the line comes from there.
      while (line.points.length > 1 && line.points[1][0] < now - this.#options.seconds) line.points.shift()
      if (line.points.at(-1)[0] < now - this.#options.seconds) this.#lines.delete(key)
    }
    this.draw(now)
  }

  draw(now = performance.now() / 1000) {
    const { seconds, format, least } = this.#options
    const [width, height] = [this.#svg.clientWidth, this.#svg.clientHeight]
    if (!width || !height) return
    let most = Math.max(least, this.limit?.value ?? 0)
    for (const { points } of this.#lines.values()) for (const [, value] of points) most = Math.max(most, value)
    const top = round(most * 1.08)
    const x = at => LEFT + (1 - (now - at) / seconds) * (width - LEFT - 4)
    const y = value => TOP + (1 - value / top) * (height - TOP - BELOW)
    const parts = []
    for (const part of [0, .5, 1]) {
      parts.push(make('line', { x1: LEFT, x2: width, y1: y(top * part), y2: y(top * part) }),
        make('text', { x: LEFT - 8, y: y(top * part) + 4, 'text-anchor': 'end' }, format(top * part)))
    }
    for (const part of [0, .5, 1]) {
      const label = part === 1 ? 'now' : `−${seconds * (1 - part)} s`
      parts.push(make('text', { x: x(now - seconds * (1 - part)), y: height - 4, 'text-anchor': ['start', 'middle', 'end'][part * 2] }, label))
    }
    if (this.limit) {
      parts.push(make('line', { class: 'limit', x1: LEFT, x2: width, y1: y(this.limit.value), y2: y(this.limit.value) }),
        make('text', { x: width - 4, y: y(this.limit.value) - 5, 'text-anchor': 'end' }, this.limit.name))
    }
    for (const { points, colour, name } of this.#lines.values()) {
      const line = make('polyline', { points: points.map(([at, value]) => `${Math.max(LEFT, x(at)).toFixed(1)},${y(value).toFixed(1)}`).join(' ') })
      line.style.stroke = colour
      line.append(make('title', {}, name))
      parts.push(line)
    }
    this.#svg.replaceChildren(...parts)
  }
}

/// Not much more than `value`, and round when halved, in bytes as in numbers.
function round(value) {
  const power = 2 ** Math.floor(Math.log2(value))
  return power * [1, 1.25, 1.5, 2].find(factor => power * factor >= value)
}

function make(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  if (text !== undefined) element.textContent = text
  return element
}
