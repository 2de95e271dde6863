// Answers each line, a JSON list of texts, with what each of them weighs on X by its own library.
const { parseTweet } = require('twitter-text')
const lines = require('readline').createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const weights = JSON.parse(line).map((text) => parseTweet(text).weightedLength)
  process.stdout.write(JSON.stringify(weights) + '\n')
})
