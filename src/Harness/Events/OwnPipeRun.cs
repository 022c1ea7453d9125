using Harness.Io;

namespace Harness.Events;

/// <summary>The pipe test itself.</summary>
internal sealed class OwnPipeRun(LoopVariant variant, int pipes, int tokens) : IPipeRun
{
    private readonly PipeTest _test = new(variant, pipes, tokens);

    public PipeTestFigures Run(long events) => _test.Run(events);

    public void Dispose() => _test.Dispose();
}
