import java.io.PrintStream;
import java.util.Locale;
import java.util.Random;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

/** Writes a log with the Java library, and beside it what Java says each interval holds: WriteLog LOG FACTS. */
class WriteLog {
    static final long START_MS = 1_700_000_000_123L;
    static final double[] PERCENTILES = {0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

    public static void main(String[] args) throws Exception {
        Random random = new Random(42);
        HistogramLogWriter log = new HistogramLogWriter(args[0]);
        log.outputComment("[Written by HdrHistogram for Java]");
        log.outputLogFormatVersion();
        log.outputStartTime(START_MS);
        log.setBaseTime(START_MS);
        log.outputBaseTime(START_MS);
        log.outputLegend();
        try (PrintStream facts = new PrintStream(args[1], "UTF-8")) {
            for (int interval = 0; interval < 6; interval++) {
                Histogram histogram = new Histogram(1, 3_600_000_000_000L, 3);
                for (int i = 0; i < 500 * interval; i++) {
                    histogram.recordValue((long) Math.exp(5 + 12 * random.nextDouble()));
                }
                histogram.setTag(interval % 2 == 1 ? "odd" : null);
                histogram.setStartTimeStamp(START_MS + interval * 1000L);
                histogram.setEndTimeStamp(START_MS + interval * 1000L + 999);
                log.outputIntervalHistogram(histogram);
                print(facts, histogram);
            }
        }
        log.close();
    }

    static void print(PrintStream facts, Histogram histogram) {
        facts.format(Locale.US, "%s %d %d %d %d %d", histogram.getTag(), histogram.getStartTimeStamp(), histogram.getEndTimeStamp(),
            histogram.getTotalCount(), histogram.getMinValue(), histogram.getMaxValue());
        for (double percentile : PERCENTILES) {
            facts.format(Locale.US, " %d", histogram.getValueAtPercentile(percentile));
        }
        facts.format(Locale.US, " %s %s\n", Double.toString(histogram.getMean()), Double.toString(histogram.getStdDeviation()));
    }
}
