// Times in the reader's own zone and words.

const clock = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat([], { weekday: "long", month: "long", day: "numeric" });

export const dateOf = (ts) => new Date(Number(ts) * 1000);

export function dayName(date) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (date.toDateString() === today.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return day.format(date);
}

export function fillTimes(root) {
  for (const time of root.querySelectorAll("time[data-epoch]")) {
    const date = dateOf(time.dataset.epoch);
    const name = dayName(date);
    const words = time.className === "ago" ? `${name.toLowerCase()} at ` : "";
    time.textContent = words + clock.format(date);
    time.dateTime = date.toISOString();
    time.title = full.format(date);
  }
}
