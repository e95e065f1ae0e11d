// The line between two pictures that lie on each other.
document.addEventListener("input", event => {
  const divider = event.target.closest(".divider");
  if (divider) divider.style.setProperty("--cut", event.target.value + "%");
});
