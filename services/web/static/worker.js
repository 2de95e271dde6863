// Shows a notice when one comes, and opens the pages when it is pressed. It keeps nothing and answers no page.
"use strict";
self.addEventListener("push", (event) => {
  const said = event.data.json();
  event.waitUntil(self.registration.showNotification(said.title, {
    body: said.body, data: { to: said.to }, requireInteraction: true, tag: "waiting", renotify: true,
  }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.to));
});
