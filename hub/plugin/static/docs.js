// Shows the document that the page names. A script of its own, for no page here holds one.
"use strict";

const place = document.getElementById("docs");

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.url,
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  supportedSubmitMethods: place.dataset.try === "yes" ? undefined : [],
});
