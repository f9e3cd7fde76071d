/** The semantic conventions that our attribute names follow. */
export const SEMCONV_SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0";
