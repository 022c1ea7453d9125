using System.Net.Sockets;
using System.Text;

namespace Harness.Serve;

/// <summary>
/// The control socket: a client sends a line, gets a line. Ordinary blocking threads and .NET's own sockets, apart from the loops, so that asking costs a
/// loop one wake-up and no system call of its own. A line is <c>stats</c>, or <c>stats all</c> with where the time goes, or a request of <c>harness ctl</c>.
/// </summary>
internal sealed class ControlServer : IDisposable
{
    private const int MaxClients = 16;
    private const int MaxLineBytes = 16384;
    private const int RetryMs = 100;

    private readonly string _path;
    private readonly ControlStats _stats;
    private readonly ControlCommands _commands;
    private readonly Socket _listener;
    private volatile bool _disposed;
    private int _clients;

    /// <param name="path">Where to listen; a socket that a dead server left is replaced.</param>
    /// <param name="stats">What <c>stats</c> answers.</param>
    /// <param name="commands">What answers everything else.</param>
    /// <exception cref="HarnessException">The path cannot be had.</exception>
    public ControlServer(string path, ControlStats stats, ControlCommands commands)
    {
        _path = path;
        _stats = stats;
        _commands = commands;
        SocketFile.MakeFree(path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(MaxClients);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            _listener.Dispose();
            string why = Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))) ? e.Message : "its folder does not exist";
            throw new HarnessException(ExitCode.Failed, $"--control {path}: {why}; choose a short path in a folder that can be written", e);
        }

        new Thread(AcceptClients) { Name = "control", IsBackground = true }.Start();
    }

    public void Dispose()
    {
        _disposed = true;
        _listener.Dispose();
        File.Delete(_path);
    }

    private void AcceptClients()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = _listener.Accept();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_disposed)
                {
                    return;
                }

                // No descriptor is left, or the client has gone already: neither may end the control socket for good.
                Thread.Sleep(RetryMs);
                continue;
            }

            if (Interlocked.Increment(ref _clients) > MaxClients)
            {
                Interlocked.Decrement(ref _clients);
                client.Dispose();
                continue;
            }

            new Thread(() => Serve(client)) { Name = "control client", IsBackground = true }.Start();
        }
    }

    private void Serve(Socket client)
    {
        try
        {
            using var stream = new NetworkStream(client, ownsSocket: true);
            byte[] line = new byte[MaxLineBytes];
            int filled = 0;
            int received;
            while (filled < line.Length && (received = stream.Read(line, filled, line.Length - filled)) > 0)
            {
                filled += received;
                int end;
                while ((end = line.AsSpan(0, filled).IndexOf((byte)'\n')) >= 0)
                {
                    Answer(stream, line.AsSpan(0, end));
                    filled -= end + 1;
                    Array.Copy(line, end + 1, line, 0, filled);
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The client has left; there is nobody to tell.
        }
        finally
        {
            Interlocked.Decrement(ref _clients);
        }
    }

    private void Answer(NetworkStream stream, ReadOnlySpan<byte> line)
    {
        if (line.StartsWith("{"u8))
        {
            Send(_commands.Answer(line, Send));
            return;
        }

        string command = Encoding.UTF8.GetString(line).Trim();
        Send(command switch
        {
            "stats" => Stats(all: false),
            "stats all" => Stats(all: true),
            _ => Error($"unknown command '{command}'; the commands are: stats, stats all, and the requests of harness ctl"),
        });

        void Send(byte[] answer) => stream.Write([.. answer, (byte)'\n']);
    }

    private byte[] Stats(bool all)
    {
        try
        {
            return _stats.ToJson(all);
        }
        catch (TimeoutException e)
        {
            return Error(e.Message);
        }
    }

    private static byte[] Error(string message) => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["error"] = message });
}
