// The service worker. It keeps one page that says that there is no network, and nothing that anybody wrote.
const KEPT = "offline-1"; // another number with every change of what is kept
const PAGE = "/offline/";
const FILES = ["/static/css/chat.css", "/static/icon.svg"];

addEventListener("install", (event) => {
  skipWaiting();
  const impersonal = [PAGE, ...FILES].map((path) => new Request(path, { credentials: "omit", cache: "reload" }));
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(impersonal)));
});

addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(Promise.all([clients.claim(), caches.keys().then(old)]));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const page = request.mode === "navigate" && request.method === "GET" && PAGE;
  const kept = page || FILES.find((path) => new URL(request.url).pathname === path);
  if (kept) event.respondWith(fetch(request).catch(() => caches.match(kept)));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = event.notification.data;
  const show = async () => {
    const open = (await clients.matchAll({ type: "window" })).find((it) => it.url.startsWith(address));
    return open ? open.focus() : clients.openWindow(address);
  };
  event.waitUntil(show());
});
