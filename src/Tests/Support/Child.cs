using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace Harness.Tests;

/// <summary>A process of a test: its output is kept, its lines can be waited for, and it cannot outlive the test run.</summary>
internal sealed class Child : IDisposable
{
    private static readonly ConcurrentDictionary<int, Child> Running = new();

    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly StringBuilder _output = new();
    private readonly BlockingCollection<string> _lines = [];

    static Child() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var child in Running.Values)
        {
            child.Kill();
        }
    };

    private Child(ProcessStartInfo start)
    {
        CommandLine = string.Join(' ', start.ArgumentList.Skip(1));
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Receive(_output, line.Data, _lines);
        _process.ErrorDataReceived += (_, line) => Receive(_errors, line.Data, null);
    }

    public string CommandLine { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>All that it has written to standard output up to now.</summary>
    public string Output => Text(_output);

    /// <summary>All that it has written to standard error up to now.</summary>
    public string Errors => Text(_errors);

    /// <summary>Starts a program, with variables added to the environment or, with a null value, taken out of it.</summary>
    public static Child Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        // A shell starts a background job with SIGINT ignored, every child inherits that, and tests that interrupt one would wait in vain.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", file, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }
        var child = new Child(start);
        child._process.Start();
        child._process.StandardInput.Close();
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        Running[child.Id] = child;
        return child;
    }

    /// <summary>The next line of standard output; null at its end or when the deadline has passed.</summary>
    public string? NextLine(TimeSpan deadline) => _lines.TryTake(out var line, deadline) ? line : null;

    /// <summary>Sends a signal by its name: TERM, INT, KILL, STOP, CONT.</summary>
    public void Signal(string name)
    {
        // The shell's own kill is everywhere; the program kill is not.
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{name} {Id} 2>/dev/null"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end and for the last of the output; null when the deadline has passed.</summary>
    public int? WaitForExit(TimeSpan deadline)
    {
        if (!_process.WaitForExit(deadline))
        {
            return null;
        }
        // A grandchild may hold the pipes open, so the rest of the output is not waited for without end.
        Task.Run(_process.WaitForExit).Wait(TimeSpan.FromSeconds(5));
        return _process.ExitCode;
    }

    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    public void Dispose()
    {
        Running.TryRemove(Id, out _);
        if (!HasExited)
        {
            Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
    }

    private static void Receive(StringBuilder text, string? line, BlockingCollection<string>? lines)
    {
        if (line is null)
        {
            lines?.CompleteAdding();
            return;
        }
        lock (text)
        {
            text.Append(line).Append('\n');
        }
        lines?.Add(line);
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
