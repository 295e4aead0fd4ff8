// Stands for a package that a dependency loads and never calls in our hands (script.ts).
'use strict';
