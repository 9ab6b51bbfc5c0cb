// How the application is built: for /console/, with nothing inline, so that the strictest policy of content holds.
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/console/',
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  // `npm run dev` beside `firth serve`, which takes actions from pages of its own host alone.
  server: { proxy: { '/console/api': { target: 'http://127.0.0.1:7381', changeOrigin: false } } },
})
