/** The semantic conventions that our attribute names follow. */
export const semconvSchemaUrl = "https://opentelemetry.io/schemas/1.44.0";
