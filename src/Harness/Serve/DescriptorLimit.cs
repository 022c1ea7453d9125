namespace Harness.Serve;

/// <summary>
/// How many descriptors the process may have. A server that can run out of them because of its clients may be ended by them: the runtime itself opens
/// files at any time, and gives up where it cannot. A load generator is better told before it has connected half.
/// </summary>
internal static class DescriptorLimit
{
    // What the runtime has open (60 to 70), the control socket and its clients, and some to spare.
    private const int OfProcess = 128;

    // An epoll set or a ring, and an eventfd.
    private const int OfLoop = 2;

    /// <summary>Checks that so many connections fit into the limit.</summary>
    /// <param name="option">The option that asked for them.</param>
    /// <param name="connections">How many.</param>
    /// <param name="loops">On how many loops.</param>
    /// <exception cref="HarnessException">They do not; the message says what to do.</exception>
    public static void Check(string option, int connections, int loops)
    {
        long needed = (long)connections + (loops * OfLoop) + OfProcess;
        if (Read() is { } limit && limit < needed)
        {
            throw new HarnessException(
                ExitCode.Failed,
                $"{option} {connections} needs {needed} descriptors, but this process may have {limit}; raise the limit with 'ulimit -n {needed}', or lower {option}");
        }
    }

    /// <summary>RLIMIT_NOFILE, whose soft limit the runtime has raised to the hard one; null where the kernel does not tell, or where there is none.</summary>
    private static long? Read()
    {
        const string Limits = "/proc/self/limits";
        const string Name = "Max open files";
        IEnumerable<string> lines = File.Exists(Limits) ? File.ReadLines(Limits) : [];
        string? line = lines.FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
        string? soft = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(soft, out long limit) ? limit : null;
    }
}
