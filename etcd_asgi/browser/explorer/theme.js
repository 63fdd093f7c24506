// Light or dark, before anything is drawn: as the system says, or as was chosen here.
"use strict";

(() => {
  const NAME = "etcd-explorer-theme";
  const CHOICES = ["auto", "light", "dark"];
  const read = () => {
    try {
      const kept = localStorage.getItem(NAME);
      return CHOICES.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // storage may be forbidden
    }
  };
  const apply = (choice) => {
    document.documentElement.dataset.theme = choice;
  };
  const choose = (choice) => {
    apply(choice);
    try {
      localStorage.setItem(NAME, choice);
    } catch {
      // It holds until the page is left.
    }
  };
  apply(read());
  window.explorerTheme = {
    get choice() {
      return document.documentElement.dataset.theme;
    },
    next() {
      choose(CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length]);
    },
  };
})();
