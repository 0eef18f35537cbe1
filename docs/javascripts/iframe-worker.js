/* Browsers start no Worker from a page on disk, and the search of the site runs in one: there, a hidden frame does its
   work. What is posted to the one arrives at the other as a message event. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...urls) => Promise.all(urls.map(other => load(inside, other)))
      load(inside, url).then(() => {
        this.send = data => inside.dispatchEvent(new inside.MessageEvent("message", { data }))
        this.waiting.forEach(data => this.send(data))
      })
    }

    postMessage(data) {
      if (this.send) this.send(data)
      else this.waiting.push(data)
    }

    terminate() {}
  }
}

function load(inside, url) {
  return new Promise((resolve, reject) => {
    const script = inside.document.createElement("script")
    Object.assign(script, { src: url, onload: resolve, onerror: reject })
    inside.document.body.append(script)
  })
}
