// Follows the city's news from where this page stands, and says so in words when it no longer does.
"use strict";
(() => {
  const place = document.getElementById("live");
  if (!place) return;
  const words = document.getElementById("live-words");
  const alarm = document.getElementById("blind");
  const news = document.getElementById("news");
  const BLIND = 10000, AGAIN = 5000, LOOK = 30000, KEPT = 200;
  let seq = Number(place.dataset.seq), at = place.dataset.at;
  let heard = Date.now(), opened = 0, looked = Date.now(), pause = 500;
  let blind = false, over = false, source = null, timer = 0;

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
    if (!news || !said.what) return;
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

  function onNews(event) {
    const number = Number(event.lastEventId);
    if (!(number > seq)) return;
    seq = number;
    const said = JSON.parse(event.data);
    add(said, number);
    tell("ledger");
    if (!said.id) tell("control");
  }

  function onBeat(event) {
    at = JSON.parse(event.data).at;
    heard = Date.now();
    pause = 500;
    show(false);
  }

  function signedOut() {
    over = true;
    source.close();
    place.dataset.trying = place.dataset.out;
    show(true);
  }

  function open() {
    clearTimeout(timer);
    if (over) return;
    if (source) source.close();
    opened = Date.now();
    source = new EventSource("/events?after=" + seq);
    source.addEventListener("news", onNews);
    source.addEventListener("beat", onBeat);
    source.addEventListener("reset", () => { over = true; source.close(); location.reload(); });
    source.addEventListener("signed-out", signedOut);
    source.onerror = () => {
      source.close();
      clearTimeout(timer);
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, AGAIN);
    };
  }

  function watch() {
    const now = Date.now();
    if (now - heard > BLIND) {
      show(true);
      if (now - opened > AGAIN) open();
    } else if (now - looked > LOOK && !document.hidden) {
      looked = now;
      tell("ledger");
    }
  }

  function front() {
    if (document.hidden) return;
    watch();
    if (Date.now() - heard > 3000) open();
  }

  document.addEventListener("visibilitychange", front);
  addEventListener("online", open);
  addEventListener("pageshow", (event) => { if (event.persisted) { over = false; open(); } });
  addEventListener("pagehide", () => { if (source) source.close(); });
  setInterval(watch, 1000);
  open();
})();
