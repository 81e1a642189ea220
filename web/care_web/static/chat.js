// Keeps a chat's page up to date. Without it the page has a button for what is new, and tells times in UTC.
// Only the list of messages changes, and what is said of the chat; never what is being typed.

/** How long to wait, in milliseconds, after an answer that browsers take for the end of the stream. */
const PAUSE = 20_000;

const [thread, list, refresh, closed, gone] = ["thread", "messages", "refresh", "closed", "gone"].map(byId);

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  return document.getElementById(id);
}

/**
 * Tells times by the reader's clock, as the reader's own region writes them in the language of the page.
 * @param {ParentNode} part
 */
function tellTimes(part) {
  const language = document.documentElement.lang;
  const region = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
  const format = new Intl.DateTimeFormat(region, { dateStyle: "long", timeStyle: "short" });
  for (const time of part.querySelectorAll("time")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

/**
 * Shows messages that came in.
 * @param {string} html Of our own templates, which escape what people wrote.
 */
function add(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const name of template.content.querySelectorAll(".us")) {
    name.textContent = thread.dataset.us;
  }
  tellTimes(template.content);
  list.append(template.content);
  byId("empty")?.remove();
}

/**
 * Follows the chat from the last message on that the page shows. The browser itself comes again after most failures.
 * @param {string} [place] After the last message that came in; the page knows the one that it begins with.
 */
function follow(place) {
  const url = new URL(thread.dataset.events, location.href);
  if (place) {
    url.searchParams.set("resume", place);
  }
  const events = new EventSource(url);
  events.addEventListener("open", () => {
    refresh.hidden = true;
  });
  events.addEventListener("message", (event) => {
    add(event.data);
    place = event.lastEventId;
  });
  events.addEventListener("state", (event) => {
    closed.hidden = event.data !== "closed" || "sent" in thread.dataset;
  });
  events.addEventListener("gone", () => {
    events.close();
    gone.hidden = false;
    refresh.hidden = false;
  });
  events.addEventListener("error", () => {
    refresh.hidden = false;
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => follow(place), PAUSE * (1 + Math.random()));
    }
  });
}

tellTimes(document);
if (thread.dataset.events) {
  follow();
}
