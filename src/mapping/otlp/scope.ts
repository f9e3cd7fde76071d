/** The one instrumentation scope of all our spans. The version is package.json's (a test compares them). */
export const scopeName = "sockspan";
export const scopeVersion = "0.1.0";
