// What several pages share: the words of the page's language, copying, and the socket of whoever follows a conversation.

// What they say goes through `translate`: the page carries the words of its language, by the English ones.
const words = JSON.parse(document.getElementById("words").textContent);
const translate = (english, values = {}) => (words[english] ?? english).replace(/{(\w+)}/g, (_, name) => values[name]);
const byId = (id) => document.getElementById(id);

/** A page of ours or a part of one, asked of our own server: its scripts stay dead, a visit would show no less. */
const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

/** Copy, and let the button say so for a moment. Whether it could. */
async function copyBy(button, text) {
  if (!(await write(text).catch(() => false))) return false;
  if (button.dataset.says) return true; // so already: what it said before must come back
  const icon = button.querySelector("use");
  const say = (it) => (icon ? icon.setAttribute("href", it) : (button.textContent = it));
  button.dataset.says = icon?.getAttribute("href") ?? button.textContent;
  say(icon ? "#i-check" : translate("Copied"));
  setTimeout(() => {
    say(button.dataset.says);
    delete button.dataset.says;
  }, 1_500);
  return true;
}

/** Safari lets only the click itself write, so it is given the promise. */
async function write(text) {
  try {
    const blob = Promise.resolve(text).then((it) => new Blob([it], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    return writeTheOldWay(await text); // plain http has no clipboard
  }
}

function writeTheOldWay(text) {
  const focus = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "hidden";
  area.value = text;
  (focus?.closest("dialog") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focus?.focus();
  return isCopied;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-copies]");
  if (button) copyBy(button, button.dataset.copies);
});

/** Boxes that are too wide, or too high, are scrolled by keys too: only those, and only a browser knows which they are. */
const WIDE = ".md pre, .md .table, .md p:has(> math), .thinking > .md";
function reach(root) {
  for (const box of root.querySelectorAll(WIDE)) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
  }
}

// Ways to put elements in. Each message stands below one that it names: a page that does not show that drops it.
const ways = {
  upsert: (messages, elements) => {
    for (const element of elements) {
      const shown = byId(element.id);
      const above = byId(element.dataset.below);
      if (shown) shown.replaceWith(element);
      else if (above) above.after(element);
      else if (!element.dataset.below) messages.prepend(element);
    }
  },
  // Where the path ends now; what is above stays.
  end: (messages, elements) => {
    const first = elements.find((it) => it.matches(".message"));
    const above = byId(first?.dataset.below);
    const shown = [...messages.children];
    const sending = shown.filter((it) => it.matches(".sending") && !elements.some(({ id }) => id === it.id));
    for (const it of shown.slice(shown.indexOf(above) + 1)) it.remove();
    messages.append(...(above ? elements.slice(elements.indexOf(first)) : elements), ...sending);
  },
};

globalThis.htmx?.registerExtension("ways", {
  handle_swap: (style, target, fragment) => {
    if (!ways[style]) return false;
    const elements = [...fragment.children];
    ways[style](target, elements);
    return elements;
  },
});

// The socket: the page says where it stands, then that each frame is in

const SILENCE = 40_000; // ms without any frame, heartbeats included: the connection is dead, whatever it says
let socket = null; // the newest one that opened
let heardAt = 0;

const isOpen = () => socket?.readyState === WebSocket.OPEN;

document.addEventListener("htmx:ws:after:connection", (event) => {
  socket = event.detail.connection.socket;
  heardAt = performance.now();
  const { role } = byId("chat")?.dataset ?? {};
  socket.send(JSON.stringify({ seq: Number(byId("cursor")?.value ?? 0), language: document.documentElement.lang, role }));
});

document.addEventListener("htmx:ws:after:message:incoming", () => {
  heardAt = performance.now();
  if (isOpen()) socket.send("1");
});

setInterval(() => {
  if (isOpen() && performance.now() - heardAt > SILENCE) socket.close();
}, 5_000);
