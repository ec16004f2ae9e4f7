import { within } from "./waiting.js";

const TOKEN_MS = 30_000; // for the application to give a token
const NO_TOKEN = `The token function gave none within ${TOKEN_MS / 1000} s.`;

/** The token that the application gave, or gives now where that is a function. */
export async function currentToken(token) {
  try {
    const given = typeof token === "function" ? await within(TOKEN_MS, token(), NO_TOKEN) : token;
    return typeof given === "string" ? given.trim() : given; // servers like to end text in a line break
  } catch (error) {
    throw error instanceof Error ? error : new Error(`There is no token: ${error}`);
  }
}
