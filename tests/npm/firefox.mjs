// Opens a page in headless Firefox over WebDriver BiDi and prints what its `window.outcome` promise resolves to, as JSON:
// node firefox.mjs <firefox> <url> <seconds> <preferences>
import puppeteer from "puppeteer-core";

const [executablePath, url, seconds, preferences] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  extraPrefsFirefox: {
    "media.peerconnection.ice.loopback": true,
    "media.peerconnection.ice.obfuscate_host_addresses": false,
    ...JSON.parse(preferences),
  },
});
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.error(message.text()));
  page.on("pageerror", (error) => console.error(error.stack));
  await page.goto(url);
  await page.waitForFunction("window.outcome !== undefined");
  const deadline = (ms) =>
    Promise.race([
      window.outcome,
      new Promise((_, late) => setTimeout(() => late(new Error(`no outcome within ${ms} ms`)), ms)),
    ]);
  console.log(JSON.stringify(await page.evaluate(deadline, Number(seconds) * 1000)));
} finally {
  await browser.close();
}
