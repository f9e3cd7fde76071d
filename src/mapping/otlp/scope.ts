/** The one instrumentation scope of all our spans. The version is package.json's (a test compares them). */
export const SCOPE_NAME = "sockspan";
export const SCOPE_VERSION = "0.1.0";
