// Reads or writes a histogram log with hdr-histogram-js, and prints as JSON what that library says each interval holds:
//   node HistogramReaders.cjs read|write FOLDER_OF_PACKAGE_JSON LOG
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { createRequire } = require('node:module');

const [, , mode, packageFolder, logPath] = process.argv;
const installed = createRequire(path.join(path.resolve(packageFolder), 'package.json'));
const hdr = installed('hdr-histogram-js');
const percentiles = [0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

function facts(histogram) {
  return {
    tag: histogram.tag === 'NO TAG' ? null : histogram.tag ?? null,
    startMs: Math.round(histogram.startTimeStampMsec),
    endMs: Math.round(histogram.endTimeStampMsec),
    totalCount: histogram.totalCount,
    // Before a histogram was encoded the exact maximum is still known; a log only tells its slot.
    max: histogram.highestEquivalentValue(histogram.maxValue),
    percentiles: percentiles.map((percentile) => histogram.getValueAtPercentile(percentile)),
    mean: histogram.mean,
    stdDeviation: histogram.stdDeviation,
  };
}

function read() {
  const text = fs.readFileSync(logPath, 'utf8');
  const reader = new hdr.HistogramLogReader(text, 64);
  const intervals = [];
  for (let histogram = reader.nextIntervalHistogram(); histogram; histogram = reader.nextIntervalHistogram()) {
    intervals.push(facts(histogram));
  }

  return { intervals, bareCounts: bareCounts(text) };
}

// The payloads by themselves, as a web page takes them: decoded without the log reader, and inflated by pako instead of node's zlib.
function bareCounts(text) {
  const pako = createRequire(installed.resolve('hdr-histogram-js'))('pako');
  const payloads = text.split('\n').filter((line) => /^(Tag|\d)/.test(line)).map((line) => line.split(',').at(-1));
  return payloads.map((payload) => {
    const deflated = Buffer.from(payload, 'base64').subarray(8);
    if (!zlib.inflateSync(deflated).equals(Buffer.from(pako.inflate(deflated)))) {
      throw new Error('pako and zlib disagree');
    }

    return hdr.decodeFromCompressedBase64(payload, 64).totalCount;
  });
}

function write() {
  const startMs = 1700000000123;
  const lines = [];
  const log = new hdr.HistogramLogWriter((text) => lines.push(text));
  log.outputLogFormatVersion();
  log.outputStartTime(startMs);
  log.outputLegend();
  const intervals = [];
  for (let interval = 0; interval < 5; interval++) {
    const histogram = hdr.build({ bitBucketSize: 64, highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: 3 });
    for (let i = 0; i < 400 * interval; i++) {
      histogram.recordValue((i * i * 7919 + interval) % 50_000_000);
    }

    histogram.startTimeStampMsec = startMs + interval * 1000;
    histogram.endTimeStampMsec = startMs + interval * 1000 + 999;
    histogram.tag = interval % 2 === 1 ? 'odd' : 'NO TAG';
    log.outputIntervalHistogram(histogram);
    intervals.push(facts(histogram));
  }

  fs.writeFileSync(logPath, lines.join(''));
  return { intervals };
}

console.log(JSON.stringify(mode === 'read' ? read() : write()));
