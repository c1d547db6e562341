// As client.rs: says messages until they are answered, and comes back after a cut.

const REFUSED = 4000
const TOO_BIG = 1009
const name = new URLSearchParams(location.search).get('name') ?? 'Ada'
// Makes the ids of this page differ from those of the last.
const run = Date.now().toString(36) + Math.random().toString(36).slice(2)
const unanswered = new Map()
let [count, epoch, seen, delay, socket] = [0, 'none', 0, 500, null]

function connect() {
  socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/chat`)
  socket.onopen = () => {
    socket.send(`${name} ${epoch} ${seen}`)
    for (const id of unanswered.keys()) say(id)
  }
  socket.onmessage = ({ data }) => {
    // It answers: the next cut is a first one.
    delay = 500
    const [first, second] = data.split(' ')
    if (first === 'epoch') resume(second)
    else if (first === 'ok') answered(second)
    else if (first === '*') show(data)
    else heard(Number(first), data)
  }
  socket.onclose = ({ code, reason }) => {
    show(`- closed: ${code} ${reason}`)
    // The same again would end the same.
    if (code === REFUSED || code === TOO_BIG) return
    setTimeout(connect, Math.random() * delay)
    delay = Math.min(2 * delay, 10_000)
  }
}

function say(id) {
  if (socket.readyState === WebSocket.OPEN) socket.send(`${id} ${unanswered.get(id).textContent}`)
}

function resume(next) {
  if (epoch !== next && seen > 0) show('- the server has started anew')
  if (epoch !== next) [epoch, seen] = [next, 0]
}

function answered(id) {
  unanswered.get(id)?.remove()
  unanswered.delete(id)
}

function heard(seq, line) {
  if (seq > seen + 1) show(`- ${seq - seen - 1} messages are kept no more`)
  seen = seq
  show(line)
}

function show(line, list = document.querySelector('#room')) {
  const item = document.createElement('li')
  // Never innerHTML: it is somebody else's text.
  item.textContent = line
  list.append(item)
  scrollTo({ top: document.body.scrollHeight })
  return item
}

document.querySelector('#form').onsubmit = event => {
  event.preventDefault()
  const field = document.querySelector('#text')
  const id = `${run}-${++count}`
  unanswered.set(id, show(field.value, document.querySelector('#unanswered')))
  field.value = ''
  say(id)
}

connect()
