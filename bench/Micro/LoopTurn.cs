using BenchmarkDotNet.Attributes;
using Harness.Io;

namespace Harness.Micro;

/// <summary>
/// A turn of the event loop that asks the kernel once and handles so many operations that code above the backend has completed: what the loop adds to what
/// the kernel does. The time is that of the turn.
/// </summary>
public class LoopTurn : IIoHandler, IDisposable
{
    private EventLoop _loop = null!;
    private IoOperation[] _operations = [];
    private int _completed;

    [ParamsSource(nameof(Backends))]
    public string Backend { get; set; } = "";

    /// <summary>Operations completed in the turn.</summary>
    [Params(0, 1, 64)]
    public int Operations { get; set; }

    public static IEnumerable<string> Backends => LoopBackends.All;

    [GlobalSetup]
    public void Setup()
    {
        _loop = new EventLoop(LoopBackends.Create(Backend));
        _operations = [.. Enumerable.Range(0, Operations).Select(_ => new IoOperation(this))];
    }

    [GlobalCleanup]
    public void Dispose() => _loop.Dispose();

    [Benchmark]
    public int Turn()
    {
        foreach (IoOperation operation in _operations)
        {
            _loop.BeginCustom(operation);
            _loop.Complete(operation, 1);
        }

        _loop.RunOnceWithoutSleep();
        return _completed;
    }

    public void OnCompleted(IoOperation operation, int result) => _completed += result;
}
