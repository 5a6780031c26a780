// What is read and typed: the reader's place, selection and focus, what is said aloud, copies; drafts, keys, dialogs.
(() => {
  "use strict";

  // Following, while the reader is at the end

  const page = document.documentElement;
  const isEnd = () => !byId("messages")?.lastElementChild?.matches(".later"); // or does the conversation go on?
  let follows = !location.hash && isEnd();
  let lastTop = 0;

  const toGo = () => page.scrollHeight - page.clientHeight - page.scrollTop;

  function goToEnd() {
    follows = true;
    page.scrollTo({ top: page.scrollHeight, behavior: "instant" });
    showWayDown();
  }

  function showWayDown() {
    const latest = byId("latest");
    const isNeedless = isEnd() && (follows || toGo() < 48);
    if (latest && latest.hidden !== isNeedless) latest.hidden = isNeedless; // else the same once more is styled anew
  }

  addEventListener("scroll", () => {
    const top = page.scrollTop;
    if (!isEnd()) follows = false;
    else if (toGo() <= 1) follows = true;
    else if (top < lastTop) follows = false;
    else if (toGo() < 32) follows = true;
    lastTop = top;
    showWayDown();
  }, { passive: true });

  document.addEventListener("asked", goToEnd);

  new ResizeObserver(() => (follows && byId("messages") ? goToEnd() : showWayDown())).observe(document.body);

  // What is not shown yet comes as its link comes near: from here on, when the page stands at its end

  const near = new IntersectionObserver((links) => {
    for (const it of links) if (it.isIntersecting) htmx.trigger(it.target, "click");
  }, { rootMargin: "1000px" });
  const watch = () => {
    document.querySelectorAll(".more, .older a").forEach((it) => near.observe(it));
    leaveWhatIsOurs();
  };

  // A message's HTML is the same for everybody. What may be done to one's own questions alone is refused besides.
  function leaveWhatIsOurs() {
    const ours = `.edit[data-author="${byId("link").dataset.me}"]`;
    document.querySelectorAll(`[data-role=writer] .edit:not(${ours})`).forEach((it) => it.remove());
    for (const it of document.querySelectorAll(".actions [formaction$='/back/']")) {
      if (!byId(it.closest(".message").dataset.below)?.querySelector(ours)) it.remove();
    }
  }

  document.addEventListener("DOMContentLoaded", watch); // htmx was told first, and knows the links by now
  document.addEventListener("htmx:after:swap", watch);

  // Scripts that only who shares something needs come with the first of it that is shown
  document.addEventListener("htmx:after:swap", () => {
    if (document.querySelector("#cursor[data-shared], #conversations .unread")) byId("for-sharing")?.replaceWith(byId("for-sharing").content);
  });

  // A frame replaces elements: what the reader holds of them is found again in what took their place

  const boxes = ".thinking > .md, .message > .md, .typed";
  const boxOf = (node) => (node?.nodeType === 1 ? node : node?.parentElement)?.closest(boxes);
  const opened = new Map(); // by the reader: message's id → whether its thinking box is
  let selected = null;
  let focused = null;

  document.addEventListener("htmx:before:swap", () => {
    selected = selectedIn(getSelection());
    focused = focusedIn(document.activeElement);
  });

  document.addEventListener("htmx:after:swap", () => {
    for (const [id, open] of opened) {
      const box = byId(id)?.querySelector(".thinking");
      if (box && box.open !== open) box.open = open;
    }
    if (selected) selectAgain(selected);
    if (focused && !focused.element.isConnected) focusAgain(focused);
    showPhase();
    countAnew();
    tendLater();
  });

  function selectedIn({ anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed }) {
    if (isCollapsed || !boxOf(anchorNode) || !boxOf(focusNode)) return null;
    return { anchorNode, focusNode, ends: [placeOf(anchorNode, anchorOffset), placeOf(focusNode, focusOffset)] };
  }

  /** Counted without white space: a whole message has other line ends than a growing one. */
  function placeOf(node, offset) {
    const box = boxOf(node);
    const before = new Range();
    before.setStart(box, 0);
    before.setEnd(node, offset);
    const count = before.toString().replace(/\s/g, "").length;
    return { id: box.closest(".message").id, isThought: box.matches(".thinking *"), count };
  }

  function selectAgain({ anchorNode, focusNode, ends }) {
    if (anchorNode.isConnected && focusNode.isConnected) return;
    const isBackwards = ends[0].count > ends[1].count;
    const [from, to] = ends.map((place, number) => pointAt(place, isBackwards === (number === 1)));
    if (from && to) getSelection().setBaseAndExtent(...from, ...to);
  }

  function pointAt({ id, isThought, count }, isStart) {
    const box = byId(id)?.querySelector(isThought ? ".thinking > .md" : ":scope > .md, .typed");
    const walker = box && document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    for (let left = count; walker?.nextNode(); ) {
      for (const { index } of walker.currentNode.data.matchAll(/\S/g)) {
        if (isStart && !left) return [walker.currentNode, index];
        left -= 1;
        if (!isStart && !left) return [walker.currentNode, index + 1];
      }
    }
    return null;
  }

  const sameAs = (element) => (other) => other.tagName === element.tagName && nameOf(other) === nameOf(element);
  const nameOf = (element) => element.ariaLabel || element.textContent;

  function focusedIn(element) {
    if (!byId("chat").contains(element)) return null;
    const message = element.closest(".message");
    const alike = message && [...message.querySelectorAll(element.tagName)].filter(sameAs(element));
    return { element, message, place: alike?.indexOf(element) };
  }

  function focusAgain({ element, message, place }) {
    if (document.activeElement !== document.body) return;
    const now = byId(element.id) ?? byId(message?.id);
    if (!now) return focusComposer();
    const alike = [...now.querySelectorAll(element.tagName)].filter(sameAs(element));
    const found = element.id ? now : alike[place];
    if (found) found.focus({ preventScroll: true });
    else focusComposer();
  }

  /** On glass a field would bring up the keys. */
  function focusComposer() {
    byId(matchMedia("(pointer: coarse)").matches ? "thread" : "question")?.focus({ preventScroll: true });
  }

  // What it does, and since when it has been thinking

  const ahead = Date.now() - byId("chat").dataset.now * 1_000; // our clock of the server's

  function showPhase() {
    const answer = lastAnswer();
    put(byId("phase"), byId("phase").dataset[answer?.dataset.state]);
    if (answer?.dataset.state !== "thinking") return;
    const place = answer.querySelector(".seconds");
    const seconds = Math.round((Date.now() - ahead) / 1_000 - place.dataset.since);
    put(place, translate("{seconds} s", { seconds: Math.max(1, seconds) }));
  }

  const isLive = ({ dataset: { state } }) => state in byId("phase").dataset;

  /** Only what changes: the same words would be laid out again. */
  function put(place, words = "") {
    if (place.textContent !== words) place.textContent = words;
  }

  setInterval(showPhase, 1_000);
  showPhase();

  // What is left of a limit, once an answer has ended

  const endOf = (answer) => answer && !isLive(answer) && answer.id + answer.dataset.state;
  let counted = endOf(lastAnswer());

  function countAnew() {
    const now = endOf(lastAnswer());
    if (now && now !== counted && byId("left")) htmx.trigger(byId("left"), "ended");
    counted = now || counted;
  }

  // Prices change by the hour: when they do, the page asks once what holds now. Not all pages at once.

  const spread = Math.random() * 5_000; // ms

  setInterval(() => {
    const peak = byId("peak");
    if (document.hidden || !(Date.now() - ahead >= peak?.dataset.edge * 1_000 + spread)) return;
    delete peak.dataset.edge;
    htmx.trigger(peak, "edge");
  }, 1_000);

  // What can wait: boxes that keys should scroll, and what is said aloud

  const TENDED_EVERY = 1_000; // ms
  const tended = new WeakSet();
  let tending = 0;

  function tendLater() {
    tending ||= setTimeout(tend, TENDED_EVERY);
  }

  function tend() {
    tending = 0;
    for (const message of byId("messages")?.children ?? []) {
      if (tended.has(message)) continue;
      if (!isLive(message)) tended.add(message);
      reach(message);
    }
    reach(byId("dialog"));
    sayNew();
  }

  // Said aloud, a sentence at a time

  const SENTENCES = /^[^]*(?:[.!?…]["')\]]*(?=\s)|[。!?]|\n)/;
  let said = { id: lastAnswer()?.id, length: textOf(lastAnswer()).length, state: lastAnswer()?.dataset.state };

  function lastAnswer() {
    const last = byId("messages")?.lastElementChild;
    return last?.matches(".assistant") ? last : null;
  }

  function textOf(message) {
    return message?.querySelector(":scope > .md").textContent ?? "";
  }

  function sayNew() {
    const answer = lastAnswer();
    if (!answer) return;
    if (said.id !== answer.id) said = { id: answer.id, length: 0, state: "" };
    const { state } = answer.dataset;
    const rest = textOf(answer).slice(said.length);
    const whole = isLive(answer) ? (rest.match(SENTENCES)?.[0] ?? "") : rest;
    said.length += whole.length;
    say(whole);
    if (state !== said.state) say(byId("phase").textContent || answer.querySelector(".status")?.textContent);
    said.state = state;
  }

  function say(words) {
    if (!words?.trim()) return;
    const line = document.createElement("p");
    line.textContent = words;
    byId("said").append(line);
    while (byId("said").childElementCount > 20) byId("said").firstElementChild.remove();
  }

  for (const notice of document.querySelectorAll(".told > span")) say(notice.textContent);
  tendLater();

  addEventListener("load", () => navigator.serviceWorker?.register("/offline.js").catch(() => {}));

  // Clicks

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.(".thinking > summary, button.copy, [data-copy], #latest");
    if (!target) return;
    const message = target.closest(".message");
    if (target.id === "latest") {
      event.preventDefault();
      if (isEnd()) goToEnd();
      else location.assign(location.pathname);
      focusComposer();
    } else if (target.matches(".copy")) {
      copy(target, target.closest("figure").querySelector("code").textContent);
    } else if (target.matches("[data-copy]")) {
      copy(target, target.dataset.copy ? source(target.dataset.copy) : asShown(message));
    } else {
      follows = false; // the reader looks at the box now, not at the end
      opened.set(message.id, !target.parentElement.open);
    }
  });

  async function source(address) {
    const reply = await fetch(address, { redirect: "error" });
    if (!reply.ok) throw new Error(`${reply.status}`);
    return reply.text();
  }

  function asShown(message) {
    message.classList.add("copying"); // without the captions of code
    const text = message.querySelector(":scope > .md, .typed > p").innerText;
    message.classList.remove("copying");
    return text;
  }

  async function copy(button, text) {
    say((await copyBy(button, text)) ? translate("Copied") : translate("Copying is not allowed here"));
  }

  // Drafts, in this browser, by member and by the form's address: one waits while an earlier question is edited.

  const me = byId("sidebar").dataset.member;
  const SAVING = 250; // ms after the last key
  let composer = byId("composer");
  let saving = 0;

  const draftOf = (address) => `draft ${me} ${new URL(address, location).pathname}`;

  /** There may be no storage, or no room in it: the page still holds what was typed. */
  function stored(deed, ...names) {
    try {
      return localStorage[deed](...names);
    } catch {
      return null;
    }
  }

  function keepDraft(address = composer.action, text = byId("question").value) {
    clearTimeout(saving);
    saving = 0;
    if (text.trim()) stored("setItem", draftOf(address), text);
    else stored("removeItem", draftOf(address));
  }

  /** Of who may only read by now: it is shown, and can be taken elsewhere. */
  function showUnsent() {
    const unsent = byId("unsent");
    const draft = unsent && stored("getItem", `draft ${me} ${location.pathname}ask/`);
    if (!draft) return;
    unsent.value = draft;
    unsent.hidden = false;
  }

  // The conversation is gone: what was typed into it waits in the form of a new one.
  document.addEventListener("gone", () => {
    const name = `draft ${me} /c/`;
    const text = byId("question")?.value.trim();
    if (!text) return;
    stored("setItem", name, [stored("getItem", name), text].filter(Boolean).join("\n"));
    clearTimeout(saving);
    saving = 0;
  });

  function restoreDraft() {
    if (!composer) return showUnsent();
    const question = byId("question");
    const draft = stored("getItem", draftOf(composer.action));
    if ("takenBack" in composer.dataset) {
      if (!draft?.startsWith(question.value)) question.value = [question.value, draft].filter(Boolean).join("\n");
      return keepDraft();
    }
    if (draft && question.value.trim() === question.defaultValue.trim()) question.value = draft;
  }

  document.addEventListener("input", ({ target }) => {
    if (target.id !== "question") return;
    tellTyping(target.value);
    clearTimeout(saving);
    saving = setTimeout(() => keepDraft(), SAVING);
  });

  for (const name of ["pagehide", "visibilitychange"]) addEventListener(name, () => saving && keepDraft());

  document.addEventListener("htmx:config:request", () => {
    tellTyping("");
    if (saving) keepDraft();
  }, true);

  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const isDone = ctx.response?.status < 400 && !ctx.response.raw.redirected;
    if (ctx.sent !== undefined && isDone) keepDraft(ctx.request.action, "");
    if (composer !== byId("composer")) {
      composer = byId("composer");
      restoreDraft();
      byId("question").setSelectionRange(-1, -1); // one goes on where the text ends
    }
    if (ctx.sent !== undefined && byId("question").value) keepDraft();
  });

  restoreDraft();

  // Others see who types

  let typedAt = 0;

  function tellTyping(text) {
    if (text ? Date.now() - typedAt < 3_000 : !typedAt) return;
    typedAt = text && Date.now();
    if (isOpen() && document.querySelector("[data-shared]")) socket.send(text ? "typing" : "paused");
  }

  // Keys

  const hasKeyboard = !matchMedia("(hover: none) and (pointer: coarse)").matches; // on glass, Enter is a new line
  const isTyping = ({ target }) => target.matches?.("input:not([type=checkbox], [type=file]), textarea, select");

  const withCtrl = "send" in document.documentElement.dataset; // the member prefers it

  function keyPressed(event) {
    const { key, target } = event;
    const question = byId("question");
    const isWithCtrl = event.ctrlKey || event.metaKey;
    const isSent = withCtrl ? isWithCtrl : !event.shiftKey && hasKeyboard;
    if (key === "Enter" && isSent && target === question) return () => send(question);
    if (isWithCtrl && event.shiftKey && key.toUpperCase() === "O") return () => document.querySelector(".new").click();
    if (isWithCtrl || event.altKey) return null;
    if (key === "ArrowUp" && target === question && !question.value) return editLast();
    if (key === "?" && !isTyping(event)) return () => byId("keys").showModal();
    if (key === "/" && !isTyping(event)) return question && (() => question.focus());
    if (key === "Escape" && !document.querySelector(":popover-open, dialog[open]")) return leave(target);
    return null;
  }

  function send(question) {
    if (question.value.trim()) question.form.requestSubmit();
  }

  function editLast() {
    const edits = document.querySelectorAll("#messages .user .edit");
    return edits.length ? () => edits[edits.length - 1].click() : null;
  }

  /** The innermost thing that can be left: settings, an answer being written, an edit. */
  function leave(target) {
    const settings = byId("settings");
    if (settings?.open && settings.contains(target)) {
      return () => {
        settings.open = false;
        settings.firstElementChild.focus();
      };
    }
    const way = byId("live")?.querySelector("button") ?? document.querySelector("#composer .editing a");
    return way && (() => way.click());
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || !event.key) return; // half a word of an input method
    const deed = keyPressed(event);
    if (!deed) return;
    event.preventDefault();
    deed();
  });

  // What the server reads: how the sidebar was left, so that nothing moves as a page opens, and where days begin

  byId("fold").addEventListener("change", ({ target }) => {
    document.cookie = `fold=${target.checked ? 1 : ""}; path=/; max-age=31536000; samesite=lax`;
  });

  // What the drawer covers is out of reach: once it has opened, and until it gives back the focus
  for (const name of ["toggle", "beforetoggle"]) {
    byId("sidebar").addEventListener(name, ({ newState, type }) => (byId("chat").inert = type + newState === "toggleopen"));
  }

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

  // A page that is one card opens as a dialog over this one

  async function openDialog(link) {
    const reply = await fetch(link.href, { headers: { Accept: "text/html" } });
    if (!reply.ok || reply.redirected || !fillDialog(await reply.text())) return location.assign(link.href);
    if (!byId("dialog").open) byId("dialog").showModal();
  }

  function fillDialog(html) {
    const card = parsed(html).querySelector("main.card");
    if (!card) return false;
    const dialog = byId("dialog");
    const head = card.querySelector("h1");
    head.tabIndex = -1;
    dialog.ariaLabel = head.textContent;
    dialog.replaceChildren(...card.childNodes);
    htmx.process(dialog);
    tendLater();
    return true;
  }

  // A form whose answer is the same card once more: refused in words, or with what has changed.
  async function sendCard(form, submitter) {
    const data = new FormData(form, submitter);
    const isLook = form.method === "get";
    const address = isLook ? `${form.action}?${new URLSearchParams(data)}` : form.action;
    const reply = await fetch(address, { method: form.method, body: isLook ? null : data });
    const focus = document.activeElement?.id;
    if (!(reply.ok || reply.status === 422) || !fillDialog(await reply.text())) {
      return reply.redirected ? location.assign(reply.url) : location.reload(); // its own address may take a form alone
    }
    const dialog = byId("dialog");
    (byId(focus) ?? dialog.querySelector("h1")).focus();
    say(dialog.querySelector("[role=alert]")?.textContent ?? (isLook ? "" : translate("Saved.")));
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("#dialog form[data-stays]")) return;
    event.preventDefault();
    sendCard(event.target, event.submitter).catch(() => event.target.submit());
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog], [data-opens], #dialog .links a, .editing a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.matches(".editing a")) return keepDraft(composer.action, ""); // and the link leads back
    event.preventDefault();
    if (link.matches("[data-dialog]")) {
      document.querySelector(":popover-open")?.hidePopover();
      openDialog(link).catch(() => location.assign(link.href));
    } else if (link.dataset.opens) byId(link.dataset.opens).showModal();
    else link.closest("dialog").close();
  });

  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  }
})();
