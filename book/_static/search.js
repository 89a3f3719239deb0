// What a search finds first: chapters, and the glossary before those that only mention what is
// sought; then the other pages, and the library's entries last.
// "var", as Sphinx declares it once more where there is none
var Scorer = {
  score: ([docname, , , , score]) => {
    if (/\/\d\d-/.test(docname)) return score + 12;
    if (/\/glossary$/.test(docname)) return score + 14;
    return /\/api(-|$)/.test(docname) ? score - 40 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
}
