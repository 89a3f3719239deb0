// The page of `visprof watch`: shows what the server tells, and sends the form.
"use strict"

const at = (id) => document.getElementById(id)
let told = {}        // what the server said last
let fields = ""      // what the form was made of
let address = ""     // the page that is shown
let waited = false   // somebody has seen that it is made, here
let shownAt = null   // when it was shown to who waited

function make(tag, properties, ...inside) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...inside)
  return element
}

function makeField(field) {
  const id = `value-${field.name}`
  const hint = [field.help, field.allowed && `(${field.allowed})`].filter(Boolean).join(" ")
  let input
  if (field.choices.length) {
    const options = ["", ...field.choices].map((value) =>
      make("option", {value}, value || `as it is: ${field.default}`))
    input = make("select", {id, name: field.name}, ...options)
  } else {
    input = make("input", {id, name: field.name, placeholder: field.default})
    Object.assign(input, {autocomplete: "off", spellcheck: false})
  }
  input.setAttribute("aria-describedby", `${id}-hint`)
  const label = make("label", {htmlFor: id}, `${field.name} `,
    make("span", {className: "type"}, field.type))
  return make("div", {}, label, input, make("small", {id: `${id}-hint`}, hint))
}

function showForm() {
  if (told.fields && JSON.stringify(told.fields) !== fields) {
    const typed = new Map(new FormData(at("form")))  // stays
    fields = JSON.stringify(told.fields)
    at("own").replaceChildren(...told.fields.filter((of) => of.own).map(makeField))
    const others = told.fields.filter((of) => !of.own)
    at("others").replaceChildren(...others.map(makeField))
    at("more").hidden = others.length === 0
    for (const input of at("form").elements) {
      if (input.name) input.value = typed.get(input.name) ?? told.given[input.name] ?? ""
    }
    if (matchMedia("(min-width: 50rem)").matches && !typed.size) at("panel").open = true
  }
  const given = Object.entries(told.given).map(([name, value]) => `${name}=${value}`).join(" ")
  at("given").textContent = given && `: ${given}`
  for (const input of at("form").elements) {
    if (input.name) input.parentElement.classList.toggle("given", input.name in told.given)
  }
}

function showPage() {
  if (!told.made || address === told.made.at) return
  address = told.made.at
  shownAt = null
  const inTime = waited
  waited = false
  const frame = at("page")
  const before = frame.hidden ? null : frame.contentWindow
  const [x, y] = before ? [before.scrollX, before.scrollY] : [0, 0]
  frame.onload = () => {
    frame.contentWindow.scrollTo(x, y)
    if (inTime) shownAt = Date.now() / 1000
    document.title = frame.contentDocument.title || told.chapter
    showStatus()
  }
  frame.hidden = false
  const url = `runs/${told.made.page.split("/").map(encodeURIComponent).join("/")}?${told.made.at}`
  frame.contentWindow.location.replace(new URL(url, location).href)
}

function showStatus() {
  const {phase, doing, made} = told
  waited ||= phase === "making"
  if (phase === "making") {
    at("status").textContent = doing
  } else if (phase === "failed") {
    at("status").textContent = "not made" + (made ? "; below is the last page that was" : "")
  } else {
    const seconds = shownAt ? Math.max(shownAt - told.since, made.seconds) : made.seconds
    at("status").textContent = `shown ${seconds.toFixed(1)} s after the change, ` +
      `${made.computing.toFixed(1)} s of them computing`
  }
  at("error").textContent = told.error || ""
  at("error").hidden = !told.error
}

function showSeconds() {
  const making = told.phase === "making"
  at("seconds").textContent = making ? `${Math.round(Date.now() / 1000 - told.since)} s` : ""
}

const events = new EventSource("events")
events.onmessage = (event) => {
  told = JSON.parse(event.data)
  at("chapter").textContent = told.chapter
  showForm()
  showPage()
  showStatus()
  showSeconds()
}
events.onerror = () => {
  at("status").textContent = "visprof watch has ended"
  told = {...told, phase: "ended"}
  showSeconds()
}
setInterval(showSeconds, 1000)

at("form").addEventListener("submit", async (event) => {
  event.preventDefault()
  const values = Object.fromEntries(new FormData(at("form")))
  const answer = await fetch("values", {method: "POST", body: JSON.stringify(values)})
  if (!answer.ok) at("status").textContent = `refused (${answer.status})`
})
at("form").addEventListener("reset", (event) => {
  event.preventDefault()  // the values that it began with may be some that were given
  for (const input of at("form").elements) if (input.name) input.value = ""
})
