using System.Globalization;

namespace Harness.Tests;

/// <summary>
/// The kernel's own count of events on some threads, by <c>perf stat</c>: <c>raw_syscalls:sys_enter</c> is every system call. It counts from
/// <see cref="Start"/> to <see cref="Stop"/>, both of which return only when perf has done it.
/// </summary>
internal sealed class PerfCounter : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly Child _perf;
    private readonly FileStream _control;
    private readonly StreamReader _acknowledged;

    public const string AllSystemCalls = "raw_syscalls:sys_enter";

    public PerfCounter(IReadOnlyList<string> events, params int[] threads)
    {
        string perf = Requires.Tool("perf");
        Tool.Run("mkfifo", _folder.File("control"), _folder.File("ack")).Succeeded();
        _perf = Child.Start(perf, ["stat", "-x,", "--per-thread", "-t", string.Join(',', threads), "-e", string.Join(',', events), "-D", "-1",
            "--control", $"fifo:{_folder.File("control")},{_folder.File("ack")}", "-o", _folder.File("out")]);

        // Both ends of a fifo open together, so perf is there when these return; with read and write access they return even where it is not.
        _control = new FileStream(_folder.File("control"), FileMode.Open, FileAccess.ReadWrite);
        _acknowledged = new StreamReader(new FileStream(_folder.File("ack"), FileMode.Open, FileAccess.ReadWrite));
    }

    public void Start() => Command("enable");

    public void Stop() => Command("disable");

    /// <summary>Ends perf and gives each thread's count of an event.</summary>
    public IReadOnlyDictionary<int, long> Read(string counted)
    {
        if (!_perf.HasExited)
        {
            _perf.Signal("INT");
        }

        _perf.WaitForExit(TimeSpan.FromSeconds(30));

        // comm-tid,count,,event,...
        return File.ReadLines(_folder.File("out"))
            .Select(line => line.Split(','))
            .Where(fields => fields.Length > 3 && fields[3] == counted)
            .ToDictionary(
                fields => int.Parse(fields[0].Split('-')[^1], CultureInfo.InvariantCulture),
                fields => long.Parse(fields[1], CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        _perf.Dispose();
        _control.Dispose();
        _acknowledged.Dispose();
        _folder.Dispose();
    }

    private void Command(string command)
    {
        Skip.If(_perf.HasExited, $"perf cannot count system calls here: {(_perf.Errors + _perf.Output).Split('\n')[0]}");
        _control.Write(System.Text.Encoding.ASCII.GetBytes(command + "\n"));
        _control.Flush();
        Task<string?> answer = Task.Run(_acknowledged.ReadLine);
        Skip.IfNot(answer.Wait(TimeSpan.FromSeconds(10)), $"perf does not answer its control fifo: {_perf.Errors.Split('\n')[0]}");
    }
}
