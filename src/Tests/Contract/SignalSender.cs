using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Harness.Tests;

/// <summary>
/// Sends signals to this process, through a shell that stays, and waits until the runtime has handed each to everybody who asked for it. While it lives the
/// default action of its signals, which is to end the process, does not take place.
/// </summary>
internal sealed class SignalSender : IDisposable
{
    /// <summary>SIGUSR1 and SIGUSR2: equal ones that are pending are merged.</summary>
    public const int User1 = 10;
    public const int User2 = 12;

    /// <summary>SIGALRM.</summary>
    public const int Alarm = 14;

    /// <summary>A real-time signal: each one counts.</summary>
    public const int Counted = 50;

    private static readonly int[] Guarded = [User1, User2, Alarm, Counted];
    private readonly int[] _seen = new int[65];
    private readonly List<PosixSignalRegistration> _guards;
    private readonly Process _shell;

    public SignalSender()
    {
        _guards = [.. Guarded.Select(Guard)];
        _shell = Process.Start(new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        _shell.StandardInput.AutoFlush = true;
    }

    /// <summary>Sends a signal, and waits until it has been seen where it was asked for before this call.</summary>
    public void Send(int signal, int times = 1)
    {
        for (int i = 0; i < times; i++)
        {
            // The runtime may call its handlers in any order; with one of them registered first and one last, all in between have been called.
            int before = Volatile.Read(ref _seen[signal]);
            using (Guard(signal))
            {
                _shell.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"kill -{signal} {Environment.ProcessId}; echo sent"));
                Assert.Equal("sent", _shell.StandardOutput.ReadLine());
                Assert.True(
                    SpinWait.SpinUntil(() => Volatile.Read(ref _seen[signal]) >= before + 2, TimeSpan.FromSeconds(20)), $"signal {signal} was not seen");
            }
        }
    }

    public void Dispose()
    {
        _shell.StandardInput.Close();
        _shell.WaitForExit();
        _shell.Dispose();
        foreach (PosixSignalRegistration guard in _guards)
        {
            guard.Dispose();
        }
    }

    private PosixSignalRegistration Guard(int signal) => PosixSignalRegistration.Create((PosixSignal)signal, context =>
    {
        context.Cancel = true;
        Interlocked.Increment(ref _seen[signal]);
    });
}
