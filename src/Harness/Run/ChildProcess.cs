using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Harness.Run;

/// <summary>A process that we started, with what it says kept for when it fails. Disposing of it ends it.</summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<string> _firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _lastErrorLine;

    private ChildProcess(Process process) => _process = process;

    /// <summary>The first line on its stdout.</summary>
    public Task<string> FirstLine => _firstLine.Task;

    /// <summary>The last line on its stderr that is not empty: the one that says why it ended.</summary>
    public string? LastErrorLine => _lastErrorLine;

    public int Id => _process.Id;

    public int ExitCode => _process.ExitCode;

    public bool HasExited => _process.HasExited;

    /// <summary>All of its stdout; complete once <see cref="WaitAsync"/> has returned.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <param name="command">The program and its arguments.</param>
    /// <param name="scratch">The folder that the child removes where it outlives this process, see <see cref="Lifeline"/>.</param>
    /// <exception cref="HarnessException">There is no such program.</exception>
    public static ChildProcess Start(IReadOnlyList<string> command, ScratchFolder scratch)
    {
        var info = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        info.Environment[Lifeline.Variable] = scratch.Path;
        try
        {
            var child = new ChildProcess(new Process { StartInfo = info });
            child._process.OutputDataReceived += (_, line) => child.OnOutput(line.Data);
            child._process.ErrorDataReceived += (_, line) => child.OnError(line.Data);
            child._process.Start();
            child._process.BeginOutputReadLine();
            child._process.BeginErrorReadLine();
            return child;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new HarnessException(global::Harness.ExitCode.Failed, $"cannot start '{command[0]}': {e.Message}", e);
        }
    }

    /// <summary>Ends when the process has, and all that it wrote has been read.</summary>
    public Task WaitAsync(CancellationToken cancel) => _process.WaitForExitAsync(cancel);

    /// <summary>SIGTERM. .NET itself can only send SIGKILL, and a server must be able to drain.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start(new ProcessStartInfo("sh", ["-c", string.Create(CultureInfo.InvariantCulture, $"kill -TERM {_process.Id} 2>/dev/null")]));
        if (kill is not null)
        {
            await kill.WaitForExitAsync();
        }
    }

    /// <summary>Closes its standard input, which ends what watches it for the runner's end; then waits a little.</summary>
    public void EndByInput(TimeSpan patience)
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended, and its end of the pipe with it.
        }
        _process.WaitForExit(patience);
    }

    /// <summary>How it ended, in words, with its own last words.</summary>
    public string Ending()
    {
        // .NET gives 128 + the signal's number, as a shell does.
        var how = ExitCode > 128 ? $"was killed by signal {ExitCode - 128}{SignalName(ExitCode - 128)}" : $"ended with exit code {ExitCode}";
        return LastErrorLine is { } line ? $"{how}: {line}" : how;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
        _process.Dispose();
    }

    private void OnOutput(string? line)
    {
        if (line is null)
        {
            return;
        }
        lock (_output)
        {
            _output.Append(line).Append('\n');
        }
        _firstLine.TrySetResult(line);
    }

    private void OnError(string? line)
    {
        if (!string.IsNullOrWhiteSpace(line))
        {
            _lastErrorLine = line.Trim();
        }
    }

    private static string SignalName(int signal) => signal switch
    {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        9 => " (SIGKILL; if nobody sent it, the kernel was out of memory)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    };
}
