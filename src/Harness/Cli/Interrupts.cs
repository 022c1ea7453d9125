using System.Runtime.InteropServices;

namespace Harness.Cli;

/// <summary>SIGINT and SIGTERM as a cancellation: the first asks the verb to stop in order, a later one ends the process the kernel's way.</summary>
internal sealed class Interrupts : IDisposable
{
    // timeout(1) signals its child, and at once the group that the child is in: that is one request to stop, not a second one.
    private const long OneRequestMs = 500;
    private const long NoneMs = -1;

    private long _firstMs = NoneMs;

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    public Interrupts()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        var nowMs = Environment.TickCount64;
        var firstMs = Interlocked.CompareExchange(ref _firstMs, nowMs, NoneMs);
        context.Cancel = firstMs == NoneMs || nowMs - firstMs < OneRequestMs;
        _source.Cancel();
    }
}
