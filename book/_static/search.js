// What a search finds first: chapters, then the other pages, and the library's entries last.
// "var", as Sphinx declares it once more where there is none
var Scorer = {
  score: ([docname, , , , score]) =>
    /\/\d\d-/.test(docname) ? score + 12 : /\/api$/.test(docname) ? score - 40 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
}
