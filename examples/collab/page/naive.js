// The version of the textbooks, in ten lines: whoever types sends the whole text, and the last one wins.
export class NaiveText {
  constructor(url, area) {
    this.area = area
    this.socket = new WebSocket(url)
    this.socket.onmessage = ({ data }) => { area.value = data }
    area.addEventListener('input', () => this.socket.send(area.value))
  }
  get value() { return this.area.value }
  get isReady() { return this.socket.readyState === WebSocket.OPEN }
  set value(text) { this.area.value = text; this.socket.send(text) }
  reset() { this.value = '\n' }
  insert(at, letter) { this.value = this.value.slice(0, at) + letter + this.value.slice(at) }
}
