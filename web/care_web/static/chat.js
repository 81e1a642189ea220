// Updates a chat's page with new messages, and shows times in the reader's time zone. Without this script the page has a
// button that loads new messages, and shows times in UTC.
// It changes the list of messages and the notices about the chat, but never what the customer is typing.

/** Milliseconds before reconnecting after a response that browsers do not retry. */
const RECONNECT_DELAY = 20_000;

const [thread, messages, refresh, closed, ended] = ["thread", "messages", "refresh", "closed", "ended"].map(byId);

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  return document.getElementById(id);
}

/**
 * Shows times in the reader's time zone, in the page's language as it is written in the reader's region.
 * @param {ParentNode} root
 */
function localizeTimes(root) {
  const language = document.documentElement.lang;
  const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });
  for (const time of root.querySelectorAll("time")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

/**
 * Adds new messages to the page.
 * @param {string} html Rendered from our templates, which escape what people wrote.
 */
function addMessages(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const label of template.content.querySelectorAll(".business-label")) {
    label.textContent = thread.dataset.businessLabel;
  }
  localizeTimes(template.content);
  messages.append(template.content);
  byId("empty")?.remove();
}

/**
 * Receives the messages after the last one on the page. The browser itself reconnects after most failures.
 * @param {string} [position] Of the last message that was received. The URL has the position of the page.
 */
function receive(position) {
  const url = new URL(thread.dataset.eventsUrl, location.href);
  if (position) {
    url.searchParams.set("resume", position);
  }
  const events = new EventSource(url);
  events.addEventListener("open", () => {
    refresh.hidden = true;
  });
  events.addEventListener("message", (event) => {
    addMessages(event.data);
    position = event.lastEventId;
  });
  events.addEventListener("state", (event) => {
    closed.hidden = event.data !== "closed" || "wasSent" in thread.dataset;
  });
  events.addEventListener("ended", () => {
    events.close();
    ended.hidden = false;
    refresh.hidden = false;
  });
  events.addEventListener("error", () => {
    refresh.hidden = false;
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => receive(position), RECONNECT_DELAY * (1 + Math.random()));
    }
  });
}

localizeTimes(document);
if (thread.dataset.eventsUrl) {
  receive();
}
