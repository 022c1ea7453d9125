using System.Net;
using System.Net.Http.Headers;
using Harness.Matrix;

namespace Harness.Kernels.Archive;

/// <summary>
/// Fetches files of an archive. What has a hash goes to <c>PATH.part</c> first and gets its name when the hash is right, so that a file that is there is a
/// whole one; what is half there is gone on with, in this run and in the next.
/// </summary>
internal sealed class Downloader : IDisposable
{
    private const int Tries = 3;
    private const int NoSpaceLeft = 28;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly DownloadProgress _progress;
    private readonly TimeSpan _patience;

    /// <param name="proxy">The proxy for an address; null asks the environment.</param>
    /// <param name="progress">Told of bytes.</param>
    /// <param name="patience">How long the other side may send nothing; null is half a minute.</param>
    public Downloader(Func<Uri, Uri?> proxy, DownloadProgress progress, TimeSpan? patience = null)
    {
        _progress = progress;
        _patience = patience ?? s_patience;
        _http = new HttpClient(new SocketsHttpHandler { Proxy = new AptProxy(proxy), ConnectTimeout = _patience }) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>A small file without a hash of its own: a list that a signature vouches for. Null where the archive does not have it.</summary>
    /// <exception cref="HarnessException">The archive cannot be reached.</exception>
    public byte[]? Small(Uri uri, CancellationToken cancel)
    {
        if (uri.IsFile)
        {
            return File.Exists(uri.LocalPath) ? File.ReadAllBytes(uri.LocalPath) : null;
        }
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(_patience);
            using HttpResponseMessage response = _http.Send(new HttpRequestMessage(HttpMethod.Get, uri), patience.Token);
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.Gone)
            {
                return null;
            }
            response.EnsureSuccessStatusCode();
            return response.Content.ReadAsByteArrayAsync(patience.Token).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            throw Unreachable(uri, e);
        }
    }

    /// <summary>Fetches a file, unless it is there.</summary>
    /// <param name="file">Which.</param>
    /// <param name="path">Where it goes.</param>
    /// <param name="cancel">Ends it; what is half there is kept.</param>
    /// <exception cref="HarnessException">It cannot be had, or is not what the signed list says.</exception>
    public void Fetch(ArchiveFile file, string path, CancellationToken cancel)
    {
        if (File.Exists(path))
        {
            return;
        }
        string part = path + ".part";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            for (int attempt = 1; Length(part) < file.Bytes; attempt++)
            {
                long before = Length(part);
                Exception? trouble = TryGoOn(file, part, cancel);
                if (Length(part) < file.Bytes && attempt >= Tries)
                {
                    long have = Length(part);
                    throw trouble is not null && have == before && before == 0 ? Unreachable(file.Uri, trouble) : Truncated(file, have, trouble);
                }
            }
            Check(file, part);
            File.Move(part, path);
        }
        catch (IOException e) when ((e.HResult & 0xFFFF) == NoSpaceLeft)
        {
            throw new HarnessException(ExitCode.Failed, $"the disk is full: '{part}' has {Length(part):N0} of {file.Bytes:N0} bytes; make room, then run the same again: it goes on from there", e);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write '{path}': {FileTrouble.Reason(e, path)}; choose another place with --cache DIR", e);
        }
        finally
        {
            _progress.Erase();
        }
    }

    public void Dispose() => _http.Dispose();

    private static long Length(string part)
    {
        if (!File.Exists(part))
        {
            return 0;
        }
        using var file = File.OpenHandle(part);
        return RandomAccess.GetLength(file);
    }

    // An exception of the other side is returned, since another try may do; one of the disk is thrown.
    private Exception? TryGoOn(ArchiveFile file, string part, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(_patience);
        try
        {
            using Stream? source = Open(file, Length(part), patience.Token, out long from);
            if (source is null)
            {
                return new HttpRequestException("the archive does not have it");
            }
            using var target = new FileStream(part, FileMode.OpenOrCreate, FileAccess.Write);
            if (target.Length != from)
            {
                target.SetLength(from);
            }
            target.Position = from;
            return Copy(source, target, file, patience);
        }
        catch (HttpRequestException e)
        {
            return e;
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            return e;
        }
    }

    private Stream? Open(ArchiveFile file, long have, CancellationToken patience, out long from)
    {
        from = have;
        if (file.Uri.IsFile)
        {
            if (!File.Exists(file.Uri.LocalPath))
            {
                return null;
            }
            FileStream local = File.OpenRead(file.Uri.LocalPath);
            local.Position = Math.Min(have, local.Length);
            return local;
        }
        using var request = new HttpRequestMessage(HttpMethod.Get, file.Uri);
        request.Headers.Range = have > 0 ? new RangeHeaderValue(have, null) : null;
        HttpResponseMessage response = _http.Send(request, HttpCompletionOption.ResponseHeadersRead, patience);
        response.EnsureSuccessStatusCode();
        // A server that does not know ranges begins anew.
        from = response.StatusCode == HttpStatusCode.PartialContent ? have : 0;
        return response.Content.ReadAsStream(patience);
    }

    // A mirror that has gone silent keeps its connection for ever, so each piece has its own time to come.
    private Exception? Copy(Stream source, FileStream target, ArchiveFile file, CancellationTokenSource patience)
    {
        byte[] buffer = new byte[128 << 10];
        while (target.Position < file.Bytes)
        {
            patience.CancelAfter(_patience);
            int count;
            try
            {
                Memory<byte> room = buffer.AsMemory(0, (int)Math.Min(buffer.Length, file.Bytes - target.Position));
                count = source.ReadAsync(room, patience.Token).AsTask().GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                return e;
            }
            if (count == 0)
            {
                return new HttpRequestException("it ended early");
            }
            target.Write(buffer, 0, count);
            _progress.Show(file.Name, target.Position, file.Bytes);
        }
        return null;
    }

    private static void Check(ArchiveFile file, string part)
    {
        string hash = ArchiveFile.HashOf(part);
        if (hash != file.Sha256)
        {
            File.Delete(part);
            throw new HarnessException(
                ExitCode.Failed, $"{file.Name} is not what the signed list says: its SHA-256 begins with {hash[..12]}, not {file.Sha256[..12]}; it was thrown away, try again or use another mirror");
        }
    }

    private HarnessException Truncated(ArchiveFile file, long have, Exception? trouble) =>
        new(ExitCode.Failed, $"the download of {file.Name} {(trouble is OperationCanceledException ? $"said nothing for {Units.FormatTime(_patience)}" : "ended")} "
            + $"after {have:N0} of {file.Bytes:N0} bytes, {Tries} times over; what is here is kept, run the same again to go on from there");

    private HarnessException Unreachable(Uri uri, Exception e) =>
        new(ExitCode.Failed, $"cannot reach the archive at {uri}: {OneLine.Of(e is OperationCanceledException ? $"no answer within {Units.FormatTime(_patience)}" : e.Message).TrimEnd('.')}; "
            + "check the network and apt's sources, or give a kernel by its path", e);

    /// <summary>Apt's own proxies first, then those of the environment.</summary>
    private sealed class AptProxy(Func<Uri, Uri?> proxy) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri? GetProxy(Uri destination) => proxy(destination) ?? HttpClient.DefaultProxy.GetProxy(destination);

        public bool IsBypassed(Uri host) => proxy(host) is null && HttpClient.DefaultProxy.IsBypassed(host);
    }
}
