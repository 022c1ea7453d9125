using System.Globalization;

namespace Harness.Measure;

/// <summary>How long threads were ready to run and had no CPU, as the kernel's scheduler counts it; see the kernel's documentation of schedstats.</summary>
internal static class RunDelay
{
    private const double NsPerUs = 1000;

    /// <summary>Of one thread since its start, in microseconds; null where the kernel does not tell.</summary>
    public static double? OfThread(int processId, int threadId) => Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task/{threadId}/schedstat"));

    /// <summary>Of all threads of a process that live, in microseconds; null where the kernel does not tell.</summary>
    public static double? OfProcess(int processId)
    {
        try
        {
            double? sum = 0;
            foreach (var thread in Directory.EnumerateDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task")))
            {
                sum += Read(Path.Combine(thread, "schedstat"));
            }
            return sum;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Nanoseconds on a CPU, nanoseconds of waiting for one, and how often it got one.
    private static double? Read(string path)
    {
        try
        {
            var fields = File.ReadAllText(path).Split(' ');
            return fields.Length > 1 && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var ns) ? ns / NsPerUs : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
