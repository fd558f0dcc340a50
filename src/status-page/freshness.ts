/**
 * The only script: a page that nobody renews any more stays as green as it was, so it says itself how old it is. All
 * else reads without it.
 */

/** Two of the monitor's six-hourly runs, and an hour for GitHub's delays. */
const staleHours = 13;

export const freshnessScript = `{
const age=(Date.now()-Date.parse(document.getElementById("judged").dateTime))/36e5;
if(age>${staleHours}){const box=document.getElementById("stale");box.hidden=false;
box.querySelector("b").textContent="This page is "+(age<72?Math.floor(age)+" hours":Math.floor(age/24)+" days")+" old."}
}`;
