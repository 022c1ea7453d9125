using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The server that programs are run on. As it stands it is the one that is shipped; each bug that is seeded changes one thing.</summary>
internal class EngineUnderTest
{
    public virtual EngineStore Store(EngineSetup setup, Random random) => new(setup, random);

    /// <summary>What the graph begins with.</summary>
    public virtual IBlock Top(EngineStore store) => store;

    public virtual bool ReadOnly(EngineSetup setup) => setup.ReadOnly;

    public virtual NbdServerOptions Options(EngineSetup setup) => new() { MaxInFlight = setup.MaxInFlight, MaxBytes = setup.MaxBytes, ReceiveBytes = 8192 };

    /// <summary>What the client receives instead of a chunk.</summary>
    /// <param name="chunk">What the server has sent.</param>
    /// <param name="random">For bugs that come now and then.</param>
    public virtual IEnumerable<WireChunk> Sent(WireChunk chunk, Random random) => [chunk];
}
