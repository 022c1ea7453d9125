using System.Globalization;
using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// The program that this assembly is when it is started by itself: a loop with two events of one signal. What a process is started with, such as a blocked
/// signal, and what ends it, such as a signal's default action, cannot be tried in the process of the tests.
/// </summary>
internal static class SignalChild
{
    private const long PatienceNs = 60_000_000_000;

    public static int Main(string[] arguments)
    {
        if (arguments is not ["signals", string backend, string signal, string signals])
        {
            Console.Error.WriteLine("these are tests; ./run.sh test runs them");
            return 2;
        }

        using var loop = new EventLoop(TestedBackends.Create(backend));
        int expected = int.Parse(signals, CultureInfo.InvariantCulture);
        int left = 2;
        for (int i = 0; i < 2; i++)
        {
            int number = i;
            RecordedSignal told = new();
            told.Then = _ =>
            {
                Console.WriteLine($"event {number} was told {told.Signals}");
                if (told.Signals >= expected)
                {
                    loop.RemoveSignal(told.Event);
                    left--;
                }
            };
            loop.AddSignal(told.Event, int.Parse(signal, CultureInfo.InvariantCulture));
        }

        Console.WriteLine(HasSignalFd() ? "ready with a signalfd" : "ready");
        while (left > 0 && loop.LoopOnce(PatienceNs))
        {
        }

        Console.WriteLine("removed");
        return loop.LoopOnce(PatienceNs) ? 1 : 0;
    }

    private static bool HasSignalFd() =>
        Directory.EnumerateFiles("/proc/self/fd").Any(path => new FileInfo(path).LinkTarget?.Contains("signalfd", StringComparison.Ordinal) == true);
}
