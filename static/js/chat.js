// The page's own script: it says where the page stands, acknowledges frames, and keeps what was typed.
(() => {
  "use strict";

  const SILENCE = 40_000; // ms without any frame, heartbeats included: the connection is dead, whatever it says
  const POLL = 2_000; // ms between looks at the news while there is no socket

  const byId = (id) => document.getElementById(id);
  const chat = () => byId("chat");

  // A frame's messages: each replaces the one of its id, or is new and comes last.
  htmx.registerExtension("upsert", {
    handle_swap: (style, target, fragment) => {
      if (style !== "upsert") return false;
      const elements = [...fragment.children];
      for (const element of elements) {
        const shown = byId(element.id);
        if (shown) shown.replaceWith(element);
        else target.append(element);
      }
      return elements;
    },
  });

  // The socket ------------------------------------------------------------------------------------------------------

  let socket = null; // while it is open
  let heardAt = 0;

  const isOpen = () => socket?.readyState === WebSocket.OPEN;

  document.addEventListener("htmx:ws:after:connection", (event) => {
    socket = event.detail.connection.socket;
    heardAt = performance.now();
    socket.send(JSON.stringify({ seq: Number(byId("cursor")?.value ?? 0) }));
    showConnection("");
  });

  document.addEventListener("htmx:ws:after:message:incoming", () => {
    heardAt = performance.now();
    if (isOpen()) socket.send("1");
  });

  document.addEventListener("htmx:ws:close", (event) => {
    socket = null;
    if (event.detail.code === 4404) location.assign("/");
    else if (event.detail.code === 4401) showConnection("You are signed out. Reload the page to sign in.");
    else if (event.detail.reason === "closed" && !document.hidden) showConnection("Reconnecting…");
  });

  setInterval(() => {
    if (isOpen() && performance.now() - heardAt > SILENCE) socket.close();
  }, 5_000);

  function showConnection(words) {
    const place = byId("connection");
    if (place && place.textContent !== words) place.textContent = words;
  }

  // Without a socket the page asks what is new ------------------------------------------------------------------------

  async function lookForNews() {
    const address = chat()?.dataset.news;
    if (!address || isOpen() || document.hidden) return;
    const url = `${address}?seq=${byId("cursor")?.value ?? 0}`;
    try {
      const reply = await fetch(url, { headers: { "HX-Request": "true" }, redirect: "error" });
      if (reply.status === 200) {
        await htmx.swap({ sourceElement: chat(), target: chat(), swap: "none", text: await reply.text() });
      }
    } catch {
      // Offline: the next look will tell.
    }
  }

  setInterval(lookForNews, POLL);

  // Sending -----------------------------------------------------------------------------------------------------------

  const cookie = (name) =>
    document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    // Signing in again in another tab changes the token; the cookie always has the newest.
    const token = cookie("csrf") ?? cookie("__Host-csrf");
    if (token && ctx.request.body instanceof FormData) ctx.request.body.set("csrfmiddlewaretoken", token);
    if (ctx.sourceElement.id === "composer") ctx.sent = byId("question").value;
  });

  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const { status } = ctx.response;
    if (status >= 500 || (status >= 400 && !ctx.response.headers.get("content-type")?.includes("html"))) {
      refuse("The server could not do that just now. Nothing is lost; try again.");
      event.preventDefault();
    } else if (status === 403 || status === 404) {
      refuse("That is not possible any more. Reload the page and try again; copy your text first.");
      event.preventDefault();
    }
  });

  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.response.status >= 400) return;
    const question = byId("question");
    // Only what was sent goes; words typed since then stay.
    if (ctx.sent !== undefined && question.value.startsWith(ctx.sent)) question.value = question.value.slice(ctx.sent.length);
    if (!isOpen()) setTimeout(lookForNews, 0);
  });

  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx?.request) refuse("The server can't be reached. Your text is still here; try again.");
  });

  function refuse(sentence) {
    const place = byId("refusal");
    if (!place) return;
    const words = document.createElement("p");
    words.textContent = sentence;
    place.replaceChildren(words);
  }

  // The composer's keys, and copying code -----------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const isEnter = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (isEnter && event.target.id === "question") {
      event.preventDefault();
      if (event.target.value.trim()) event.target.form.requestSubmit();
    }
  });

  document.addEventListener("click", async ({ target }) => {
    if (!target.matches?.("button.copy")) return;
    const code = target.closest("figure")?.querySelector("code");
    if (!code) return;
    await navigator.clipboard.writeText(code.textContent);
    const label = target.textContent;
    target.textContent = "Copied";
    setTimeout(() => (target.textContent = label), 1_500);
  });
})();
