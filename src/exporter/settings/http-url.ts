import { z } from "zod";

/** An http or https URL. */
export const httpUrl = z.string().refine((text) => URL.canParse(text) && /^https?:\/\//i.test(text), {
  message: 'not an URL, write it like "http://localhost:4318"',
});
