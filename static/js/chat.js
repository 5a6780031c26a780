// What travels: the socket and its words, the poll without one, questions on their way, and their images.
// Without script everything works by plain forms. page.js has what is read and typed.
(() => {
  "use strict";

  const POLL = 2_000; // ms between looks at the news while there is no socket
  const PATIENCE = 1_000; // ms before a lost connection is worth words: a tab that comes back needs a moment
  const OURS = [401, 409, 422]; // refusals that our server puts into words, as partials

  const chat = () => byId("chat");
  const link = () => byId("link"); // where the page hears of its conversation, and asks

  Object.assign(ways, {
    // Below those asked later, if that is shown; what is gone has no time.
    listed: (today, [line]) => {
      const shown = byId(line.firstElementChild.id)?.parentElement;
      const { asked } = line.dataset;
      if (shown && shown.dataset.asked === asked) return shown.replaceWith(line); // below its day still
      const head = byId(`space-${line.dataset.space}`) ?? today; // of its group, where there is one
      const above = [...head.parentElement.children].findLast((it) => it !== shown && it.dataset.asked > asked);
      if (asked && (shown || !above?.nextElementSibling?.matches(".older, .all"))) (above ?? head).after(line);
      shown?.remove();
    },
    // In place of a link. What is read stays where it is; at the very top no browser sees to that.
    above: (link, elements) => {
      const next = link.nextElementSibling;
      const before = next.getBoundingClientRect().top;
      const fresh = (isFresh) => elements.forEach((it) => it.classList.toggle("fresh", isFresh));
      fresh(true); // laid out at once: their heights are known from then on
      setTimeout(fresh, 200, false);
      if (link.matches(":focus")) setTimeout(() => elements[0].focus({ preventScroll: true }));
      link.replaceWith(...elements);
      scrollBy({ top: next.getBoundingClientRect().top - before, behavior: "instant" });
    },
  });

  // The socket; see common.js

  document.addEventListener("htmx:ws:after:connection", showBackAgain);

  document.addEventListener("htmx:ws:close", ({ detail: { code, reason } }) => {
    if (reason !== "closed") return;
    if (code === 4404) leaveForGood();
    else if (code === 4409) location.reload(); // we may do more here now, or less
    else if (code === 4401) showSignedOut();
    else watchConnection();
  });

  // How far one has seen what others say, for the marks in the list: said of a page that is looked at, once a second

  let seen = 0;
  let seeing = 0;

  function see() {
    const cursor = byId("cursor");
    const isNew = cursor && "shared" in cursor.dataset && Number(cursor.value) > seen;
    if (isNew && !document.hidden && link()?.dataset.seen) seeing ||= setTimeout(tellSeen, 1_000);
  }

  async function tellSeen() {
    seeing = 0;
    const seq = byId("cursor").value;
    const body = new URLSearchParams({ seq, quietly: 1, csrfmiddlewaretoken: token() });
    seen = Number(seq); // also if it fails
    await fetch(link().dataset.seen, { method: "POST", body, redirect: "error" }).catch(() => {});
    document.dispatchEvent(new Event("seen"));
  }

  for (const name of ["htmx:after:swap", "visibilitychange"]) document.addEventListener(name, see);
  setTimeout(see);

  // Deleted, or ours no more. What had been typed goes along; see page.js.
  let isLeaving = false; // by a deed of one's own

  function leaveForGood() {
    if (isLeaving) return;
    document.dispatchEvent(new Event("gone"));
    location.assign("/?gone");
  }

  addEventListener("beforeunload", () => (isLeaving = true));

  // How the connection is, in words

  let worry = 0;
  let looks = 0; // that found the server while the socket did not
  let isSignedOut = false;
  let isLooking = false;

  function watchConnection() {
    worry ||= setTimeout(() => {
      worry = 0;
      if (!link()?.dataset.news || document.hidden || isSignedOut) return;
      if (!navigator.onLine) showConnection(translate("You are offline. Answers go on without you."));
      else if (isOpen()) showBackAgain();
      else showConnection(looks < 3 ? translate("Reconnecting…") : translate("No live connection. Looking for news every 2 seconds."));
    }, PATIENCE);
  }

  function showBackAgain() {
    looks = 0;
    if (!byId("connection")?.textContent) return;
    showConnection(translate("Back again."), true);
    setTimeout(() => isOpen() && navigator.onLine && showConnection(""), 2_000);
  }

  function showSignedOut() {
    isSignedOut = true;
    showConnection(translate("You are signed out. Reload the page to sign in."));
  }

  function showConnection(words, isGood = false) {
    const place = byId("connection");
    if (!place || place.textContent === words) return;
    place.textContent = words;
    place.classList.toggle("good", isGood);
  }

  addEventListener("offline", watchConnection);
  addEventListener("online", watchConnection);
  document.addEventListener("visibilitychange", watchConnection);
  addEventListener("pageshow", (event) => {
    isLeaving = false;
    if (!event.persisted) return;
    // Out of the back-forward cache: as it was left, but for the drawer.
    if (byId("sidebar").matches(":popover-open")) byId("sidebar").hidePopover();
    watchConnection();
    lookForNews();
  });

  // Without a socket the page asks what is new

  async function lookForNews() {
    const address = link()?.dataset.news;
    if (!address || isLooking || isOpen() || document.hidden || isSignedOut) return;
    isLooking = true; // one at a time: an older answer that came late would set the page back
    const url = `${address}?seq=${byId("cursor")?.value ?? 0}&role=${chat().dataset.role}`;
    try {
      const reply = await fetch(url, { headers: { "HX-Request": "true" }, redirect: "error" });
      if (reply.status === 404) return leaveForGood();
      if (reply.status === 205) return location.reload(); // as the socket's 4409
      const text = reply.status === 200 ? await reply.text() : "";
      // A socket that opened meanwhile has told more by now; what we asked before it would set the page back.
      if (text && !isOpen()) {
        // Not "none": that would leave the window's title as it was.
        await htmx.swap({ sourceElement: chat(), target: chat(), swap: "beforeend swapEmpty:false", text });
      }
      looks += 1;
      watchConnection();
    } catch {
      looks = 0; // the next look will tell
    } finally {
      isLooking = false;
    }
  }

  setInterval(lookForNews, POLL);

  // Sending

  const underWay = new Set(); // the buttons and forms whose request has no answer yet

  const token = () => document.cookie.match(/(?:^| )(?:__Host-)?csrf=([^;]*)/)?.[1];

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const isLook = ctx.request.method === "GET" || "look" in ctx.sourceElement.dataset; // of two looks the later counts, of two deeds the first
    if (underWay.has(ctx.sourceElement) && !isLook) return event.preventDefault(); // the second click
    underWay.add(ctx.sourceElement);
    ctx.sourceElement.setAttribute("aria-busy", "true");
    // Signing in again in another tab changes the token; the cookie always has the newest.
    if (token() && ctx.request.body instanceof FormData) ctx.request.body.set("csrfmiddlewaretoken", token());
    if (ctx.sourceElement.id === "composer") send(ctx);
  });

  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const { status, raw } = ctx.response;
    ctx.isOld = parseInt(place(ctx)) < byId("cursor")?.value;
    if (ctx.isOld) return event.preventDefault();
    if (raw.headers.has("In-Words")) return; // a partial of ours
    const sentence = raw.redirected ? translate("You are signed out. Reload the page to sign in.") : refusal(status);
    if (!sentence) return;
    refuse(sentence);
    event.preventDefault();
  });

  function refusal(status) {
    if (status < 400 || OURS.includes(status)) return "";
    if (status === 400 || status === 413) return translate("That is too large to be sent.");
    if (status === 403 || status === 404) return translate("That is not possible any more. Reload the page and try again.");
    if (status === 429) return translate("That was too much at once. Wait a moment, then try again.");
    return translate("The server could not do that just now. Nothing is lost; try again.");
  }

  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx?.request && !ctx.response) refuse(translate("The server can't be reached. Your text is still here; try again."));
  });

  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    underWay.delete(ctx.sourceElement);
    ctx.sourceElement.removeAttribute("aria-busy");
    const isDone = ctx.response?.status < 400 && !ctx.response.raw.redirected;
    if (isDone) isSignedOut = false; // signed in again in another tab
    if (ctx.sent !== undefined) (isDone ? sent : notSent)(ctx);
    else if (chosen.length && !byId("images").files.length) choose(chosen); // in another composer
    if (isDone && !isOpen()) lookForNews();
    if (ctx.isOld) setTimeout(() => htmx.trigger(ctx.sourceElement, "click"));
    else if (place(ctx)?.endsWith("live")) hearAnew();
  });

  // More messages name their place in the log. Older than the page they are asked for again; live ones are heard anew.
  const place = (ctx) => ctx.response?.headers.get("Stands-At");

  function hearAnew() {
    if (isOpen()) socket.close(); // and htmx opens the next one
    else lookForNews();
  }

  function refuse(sentence) {
    byId("refusal")?.replaceChildren(part("p", "", sentence));
  }

  // The question stands in the page at once; the server's element of the same id takes its place

  function send(ctx) {
    const form = ctx.sourceElement;
    const question = byId("question");
    ctx.sent = question.value;
    ctx.images = chosen;
    if (chosen.length) ctx.request.timeout = "600s"; // they may take their time on the way
    byId("refusal").replaceChildren();
    byId("settings").open = false;
    if ("editing" in form.dataset || !ctx.sent.trim()) return;
    ctx.shown = showQuestion(byId("key").value, ctx.sent);
    question.value = ""; // its draft stays until it has arrived
    choose([]);
  }

  function sent(ctx) {
    const [before, now] = [ctx.sourceElement, byId("composer")];
    if (now === before) return goOn(now);
    // Another composer is here: what was typed since goes into it.
    const since = "editing" in before.dataset ? "" : before.elements.text.value;
    if (since && !byId("question").value) byId("question").value = since;
    choose("editing" in before.dataset ? [] : chosen);
  }

  /** The first question began a conversation: the next one is asked there. */
  function goOn(form) {
    for (const name of ["action", "hx-post"]) form.setAttribute(name, link().dataset.ask);
  }

  function notSent(ctx) {
    ctx.shown?.undo();
    const question = byId("question");
    if (ctx.shown) {
      question.value = [ctx.sent, question.value].filter(Boolean).join("\n");
      choose([...ctx.images, ...chosen]);
    }
    if (document.activeElement === document.body) (byId("parameters").querySelector("[aria-invalid]") ?? question).focus();
  }

  function showQuestion(key, text) {
    const id = `m-${key}`;
    if (byId(id)) return { undo() {} };
    // Not cloned: that would be of the template's own document, and images that go there and back are loaded anew.
    const message = document.importNode(byId("asked").content.firstElementChild, true);
    message.id = id;
    message.querySelector(".typed").textContent = text.replace(/^\n+|\n+$/g, "");
    const thumbnails = [...byId("chosen").querySelectorAll("img")];
    if (thumbnails.length) message.querySelector(".typed").prepend(listOf(thumbnails));
    const empty = chat().querySelector(".empty");
    const place = byId("messages") ?? threadInsteadOf(empty);
    place.append(message);
    document.dispatchEvent(new Event("asked"));
    return {
      undo() {
        if (byId(id)?.matches(".sending")) byId(id).remove();
        if (empty) byId("thread")?.replaceWith(empty);
      },
    };
  }

  function listOf(images) {
    const list = part("ul", "images", "");
    for (const image of images) list.appendChild(document.createElement("li")).append(image);
    return list;
  }

  function part(tag, name, text) {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  }

  function threadInsteadOf(empty) {
    empty.replaceWith(document.importNode(byId("begun").content, true));
    return byId("messages");
  }

  // Images, chosen, pasted or dropped: all of them stand in the form's own field, which sends them

  let chosen = [...(byId("images")?.files ?? [])]; // out of the field, which a reload may keep; who only reads has none

  function choose(files) {
    if (!byId("images")) return;
    const held = new DataTransfer();
    for (const file of files) held.items.add(file);
    byId("images").files = held.files;
    chosen = [...files];
    byId("chosen").replaceChildren(...chosen.map(thumbnail));
  }

  function thumbnail(file) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    const button = part("button", "", "×");
    image.alt = file.name;
    image.src = URL.createObjectURL(file);
    image.onload = image.onerror = () => {
      URL.revokeObjectURL(image.src); // what is loaded stays
      [image.width, image.height] = [image.naturalWidth, image.naturalHeight];
    };
    button.type = "button";
    button.ariaLabel = translate("Remove {name}", { name: file.name });
    button.onclick = () => choose(chosen.filter((it) => it !== file));
    item.append(image, button);
    return item;
  }

  function addImages(files) {
    const wanted = [...chosen, ...files];
    const sentence = unfit(wanted);
    if (sentence) refuse(sentence);
    else byId("refusal").replaceChildren();
    choose(sentence ? chosen : wanted);
  }

  // Beforehand in words what the server would say: it hangs up on whoever sends it far too much.
  function unfit(files) {
    const { accept, dataset } = byId("images");
    if (dataset.barred) return dataset.barred;
    const megabytes = (bytes) => bytes / 1e6;
    const strange = files.find((it) => !accept.split(",").includes(it.type));
    const large = files.find((it) => it.size > Number(dataset.mostImageBytes));
    if (strange) return translate("“{name}” is no JPEG, PNG, GIF or WebP image.", { name: strange.name });
    if (large) return translate("“{name}” is larger than {most} MB.", { name: large.name, most: megabytes(dataset.mostImageBytes) });
    if (files.length > Number(dataset.most)) {
      return translate("A question may have {most} images; these are {count}.", { most: dataset.most, count: files.length });
    }
    if (files.reduce((sum, it) => sum + it.size, 0) <= Number(dataset.mostBytes)) return "";
    return translate("The images of a question may have {most} MB together.", { most: megabytes(dataset.mostBytes) });
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "images") addImages(event.target.files);
  });

  document.addEventListener("paste", ({ clipboardData: { files, types } }) => {
    // A table out of a spreadsheet is text, and an image of it besides.
    if (byId("images") && files.length && !types.includes("text/plain")) addImages(files);
  });

  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!byId("images") || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // else the browser leaves the page for the file
      byId("composer").classList.toggle("dropping", name === "dragover");
      if (name === "drop") addImages(event.dataTransfer.files);
    });
  }

  choose(chosen);
})();
