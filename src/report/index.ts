/** Pages for people: facts in, text out. */
export { type PreflightPageFacts, type PreflightPageRow, preflightHTML } from './preflight-page.ts';
export { type SheetFacts, sheetHTML } from './sheet.ts';
export type { StartHereFacts } from './start-here.ts';
export { type StartHerePage, startHereHTML, startHerePages, startHereText } from './start-here-pages.ts';
