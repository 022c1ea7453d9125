using Harness.Io;

namespace Harness.Tests;

/// <summary>Theory data: every backend, by name.</summary>
public sealed class ClientBackends : TheoryData<string>
{
    public ClientBackends()
    {
        foreach (string name in LoopBackends.All)
        {
            Add(name);
        }
    }
}
