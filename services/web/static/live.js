// Follows the city's news from where this page stands, and says so in words when it no longer does.
"use strict";
(() => {
  const place = document.getElementById("live");
  if (!place) return;
  const words = document.getElementById("live-words");
  const alarm = document.getElementById("blind");
  const news = document.getElementById("news");
  const ending = document.getElementById("ending");
  const BLIND = 10000, AGAIN = 5000, LOOK = 30000, KEPT = 200;
  let seq = Number(place.dataset.seq), at = place.dataset.at;
  // Of two clocks the one that has gone further: a device's own clock is set back, the other one stands while it sleeps.
  const stamp = () => [Date.now(), performance.now()];
  const since = ([date, ticks]) => Math.max(Date.now() - date, performance.now() - ticks);
  let heard = stamp(), opened = stamp(), looked = stamp();
  let blind = false, over = false, link = null;

  const say = (text) => text.replace("{time}", at);
  const tell = (name) => document.body.dispatchEvent(new CustomEvent(name));

  function show(isBlind) {
    words.textContent = say(isBlind ? place.dataset.blind : place.dataset.live);
    if (isBlind === blind) return;
    blind = isBlind;
    document.body.classList.toggle("is-blind", blind);
    alarm.textContent = blind ? say(place.dataset.blind) + " " + place.dataset.trying : "";
    alarm.hidden = !blind;
    if (!blind) { tell("ledger"); tell("control"); }
  }

  function add(said, number) {
    if (!news) return;
    const line = document.createElement("li");
    line.dataset.seq = number;
    const time = document.createElement("span");
    time.className = "when";
    time.textContent = said.at;
    const what = document.createElement("span");
    what.textContent = said.who + " " + said.what;
    what.lang = news.dataset.saidIn;
    line.append(time, what);
    if (said.id) {
      const link = document.createElement("a");
      link.href = "/messages/" + encodeURIComponent(said.id);
      link.textContent = said.id;
      line.append(link);
    }
    news.prepend(line);
    while (news.children.length > KEPT) news.lastElementChild.remove();
  }

  // A page about one message is not loaded again for news on others.
  function concerns(said) {
    const about = (document.getElementById("main").dataset.about || "").split(" ").filter(Boolean);
    return said.all || (said.about.length && !about.length) || said.about.some((one) => about.includes(one));
  }

  function onNews(event) {
    const number = Number(event.detail.id);
    if (!(number > seq)) return;
    seq = number;
    add(JSON.parse(event.detail.data), number);
  }

  function onChanged(event) {
    const number = Number(event.detail.id);
    if (!(number >= seq)) return;
    seq = number;
    const said = JSON.parse(event.detail.data);
    if (concerns(said)) tell("ledger");
    if (said.control) tell("control");
  }

  function onBeat(event) {
    at = JSON.parse(event.detail.data).at;
    heard = stamp();
    show(false);
  }

  function onEnding(event) {
    const said = JSON.parse(event.detail.data);
    if (!said.at && ending.contains(document.activeElement)) document.getElementById("main").focus();
    ending.hidden = !said.at;
    ending.querySelector("p").textContent = said.at && ending.dataset.words.replace("{time}", said.at);
    ending.querySelector("form").hidden = !said.stay;
  }

  function onSignedOut() {
    ending.hidden = true;
    over = true;
    place.dataset.trying = place.dataset.out;
    show(true);
  }

  // htmx's extension goes on from the last id by itself. What it does not see is a connection that is silent, and it
  // gives up when the very first try fails.
  function again() {
    if (over || !window.htmx) return;
    opened = stamp();
    if (!link) htmx.ajax("GET", "/events?after=" + seq + (news ? "&lines" : ""), { source: place });
    else if (link.delayCanceller) link.delayCanceller();
    else if (link.reader) link.reader.cancel();
  }

  function watch() {
    if (since(heard) > BLIND) show(true);
    if ((!link || since(heard) > BLIND) && since(opened) > AGAIN) again();
    else if (since(looked) > LOOK && !document.hidden && !blind) {
      looked = stamp();
      tell("ledger");
    }
  }

  function front() {
    if (document.hidden) return;
    watch();
    if (since(heard) > 3000) again();
  }

  place.addEventListener("htmx:sse:before:connection", (event) => { link = event.detail.connection; opened = stamp(); });
  place.addEventListener("htmx:sse:close", () => { link = null; });
  place.addEventListener("news", onNews);
  place.addEventListener("changed", onChanged);
  place.addEventListener("beat", onBeat);
  place.addEventListener("reset", () => { over = true; location.reload(); });
  place.addEventListener("ending", onEnding);
  place.addEventListener("signed-out", onSignedOut);
  document.addEventListener("visibilitychange", front);
  addEventListener("online", again);
  addEventListener("pageshow", (event) => { if (event.persisted) { over = false; again(); } });
  setInterval(watch, 1000);
})();
