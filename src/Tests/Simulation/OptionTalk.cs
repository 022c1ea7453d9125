using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A client in the handshake.</summary>
internal sealed class OptionTalk : IDisposable
{
    private const uint MetaContext = 4;

    private readonly SimulatedServer _world;
    private readonly SimulatedTransport _client;

    public OptionTalk(NbdServerOptions? options = null)
    {
        _world = new SimulatedServer(new PatchworkBlock(), options);
        _client = _world.Connect();
        Say(Wire.Flags());
    }

    /// <summary>The context that was told of last.</summary>
    public (uint Id, string Name) LastContext { get; private set; }

    /// <summary>Sends bytes; returns what came back.</summary>
    public byte[] Say(byte[] bytes)
    {
        _client.Forget();
        _client.Write(bytes);
        _world.Settle();
        return _client.Sent;
    }

    /// <summary>The types of the replies to an option.</summary>
    public List<uint> Ask(uint option, params byte[] data)
    {
        byte[] answer = Say(Wire.Option(option, data));
        var types = new List<uint>();
        for (int at = 0; at < answer.Length;)
        {
            Assert.Equal(0x0003e889045565a9ul, BinaryPrimitives.ReadUInt64BigEndian(answer.AsSpan(at)));
            Assert.Equal(option, BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(at + 8)));
            types.Add(BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(at + 12)));
            int length = (int)BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(at + 16));
            if (types[^1] == MetaContext)
            {
                LastContext = (BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(at + 20)), Encoding.UTF8.GetString(answer.AsSpan(at + 24, length - 4)));
            }

            at += 20 + length;
        }

        return types;
    }

    /// <summary>Nothing is left of it.</summary>
    public void AssertClosed() => _world.AssertNothingLeft("the server has closed");

    public void Dispose() => _world.Dispose();
}
