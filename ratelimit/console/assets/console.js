"use strict";
// The page works without this: with it, what is there now follows what happens.
const live = document.getElementById("live");
if (live) {
  const state = document.getElementById("live-state");
  const source = new EventSource(document.body.dataset.base + "/live");
  source.onmessage = (event) => {
    // Whoever is in the middle of something is not disturbed.
    if (live.contains(document.activeElement)) return;
    live.innerHTML = JSON.parse(event.data);
    if (state.textContent !== "Live.") state.textContent = "Live.";
  };
  source.onerror = () => { state.textContent = "Not connected; trying again."; };
}
